"""Values that come as code by a detour: through names, pipes, functions and files."""

from typing import Literal

from jobfile.expressions.expression import Problem
from jobfile.shell.script import compile_script
from tests.language.shell_cases import CARRIED
from tests.language.shell_generators import V, offsets
from tests.together import together

OUTSIDE = frozenset({"JOBFILE_PARAM_P"})


def problems(script: str, kind: str = "string", dialect: Literal["sh", "bash"] = "bash") -> list[Problem]:
    slots = offsets(script)
    _, found = compile_script(
        script, slots=slots, kinds=[kind] * len(slots), dialect=dialect, outside=OUTSIDE
    )
    return list(found)


@together("script", CARRIED)
def test_a_value_that_comes_as_code_by_a_detour_is_refused(script: str) -> None:
    found = problems(script)
    assert "JF421" in {one.code for one in found}, found
    for one in found:
        assert script[one.start : one.end] in (V, *OUTSIDE)
        assert one.label


@together("script", [one for one in CARRIED if "JOBFILE" not in one])
def test_a_number_that_comes_by_a_detour_stays_a_number_however_often_it_is_read(script: str) -> None:
    assert {one.code for one in problems(script, "integer")} <= {"JF426", "JF427"}
