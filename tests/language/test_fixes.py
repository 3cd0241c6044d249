"""The fixes that findings offer, applied to a text."""

from hypothesis import given
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.diagnostics.source import Source
from jobfile.fixing.edits import apply_fixes
from jobfile.fixing.fix_loop import fix_file
from jobfile.pipeline import check_file
from tests.known import known_files
from tests.together import together

CASES = known_files("tests/language/cases/bad", "*.yaml")
TEXT = "0123456789"


def with_fixes(source, *fixes):
    """A finding whose fixes are (safe, (start, end, text), …)."""
    return Diagnostic(
        code="JF101",
        message=f"{fixes}",
        file=source.name,
        span=source.span(0, 0),
        fixes=tuple(
            Fix(
                title="mend",
                safe=safe,
                edits=tuple(Edit(span=source.span(start, end), text=text) for start, end, text in edits),
            )
            for safe, *edits in fixes
        ),
    )


def apply(*fixes, text=TEXT, unsafe=False):
    """The text after fixes, each of a separate finding; and the numbers of those applied and those left."""
    source = Source("jobs.yaml", text)
    found = [with_fixes(source, fix) for fix in fixes]
    after, made, left = apply_fixes(source, found, unsafe=unsafe)
    return after, [found.index(one) for one in made], [found.index(one) for one in left]


def test_fixes_that_do_not_touch_are_applied_at_once():
    assert apply((True, (8, 9, "h")), (True, (0, 2, "ab")), (True, (5, 5, "+"))) == (
        "ab234+567h9",
        [0, 1, 2],
        [],
    )


def test_the_first_of_two_fixes_that_touch_is_applied_and_the_other_waits():
    assert apply((True, (2, 5, "x")), (True, (4, 6, "y"))) == ("01x56789", [0], [1])
    assert apply((True, (2, 2, "x")), (True, (2, 2, "y"))) == ("01x23456789", [0], [1])
    assert apply((True, (2, 4, "x")), (True, (4, 4, "y"))) == ("01x456789", [0], [1])
    assert apply((True, (2, 4, "x")), (True, (4, 6, "y"))) == ("01xy6789", [0, 1], [])


def test_a_fix_is_applied_completely_or_not_at_all():
    assert apply((True, (2, 3, "x")), (True, (0, 1, "y"), (2, 3, "z"))) == ("01x3456789", [0], [1])
    assert apply((True, (0, 5, "x"), (3, 6, "y"))) == (TEXT, [], [0])
    assert apply((True, (0, 1, "x"), (9, 99, "y"))) == (TEXT, [], [0])


def test_a_fix_that_may_change_the_meaning_is_applied_only_on_request():
    assert apply((False, (0, 1, "x"))) == (TEXT, [], [])
    assert apply((False, (0, 1, "x")), unsafe=True) == ("x123456789", [0], [])


def test_one_of_several_fixes_for_a_finding_is_applied():
    source = Source("jobs.yaml", TEXT)
    found = with_fixes(source, (False, (0, 1, "a")), (True, (1, 2, "b")), (True, (2, 3, "c")))
    assert apply_fixes(source, [found], unsafe=False)[0] == "0b23456789"
    assert apply_fixes(source, [found], unsafe=True)[0] == "a123456789"


def test_what_is_inserted_has_the_line_ends_of_the_file():
    assert apply((True, (0, 0, "x\n")), text="a\r\nb\r\n")[0] == "x\r\na\r\nb\r\n"
    assert apply((True, (0, 0, "x\r\n")), text="a\nb\n")[0] == "x\na\nb\n"


places = st.tuples(st.integers(0, 10), st.integers(0, 10)).map(sorted)
edits = st.builds(lambda place, text: (*place, text), places, st.text("xyz", max_size=3))


@given(st.lists(st.lists(edits, min_size=1, max_size=3).map(lambda some: (True, *some)), max_size=6))
def test_what_no_fix_covers_stays_and_nothing_is_lost(fixes):
    after, made, left = apply(*fixes)
    assert len(made) + len(left) <= len(fixes)  # equal findings have one number
    done = sorted(edit for number in made for edit in fixes[number][1:])
    covered = {at for start, end, _ in done for at in range(start, end)}
    assert [sign for sign in after if sign.isdigit()] == [
        sign for at, sign in enumerate(TEXT) if at not in covered
    ]
    assert len(after) == len(TEXT) - len(covered) + sum(len(text) for _, _, text in done)


GOOD = "version: 1\njobs:\n  a:\n    run: echo hi\n    timeout: 5m\n"


def fixed(text, *, unsafe=False):
    return fix_file("jobs.yaml", text.encode(), unsafe=unsafe).content.decode()


def test_fixes_of_all_stages_are_applied_one_after_the_other():
    bad = GOOD.replace("version: 1\n", "").replace("timeout: 5m", "timeuot:5 minutes")
    assert fixed(bad, unsafe=True) == GOOD
    codes = [one.code for one in fix_file("jobs.yaml", bad.encode(), unsafe=True).fixed]
    assert codes == ["JF016", "JF102", "JF101", "JF110"]


def test_a_fix_that_causes_a_mistake_is_not_applied_and_the_others_are():
    bad = GOOD.replace("timeout: 5m", "timeuot: [5m]")
    assert fixed(bad) == bad
    assert fixed(bad.replace("version: 1\n", "")) == bad


def test_byte_order_mark_and_line_ends_stay():
    bad = "\ufeff" + GOOD.replace("version: 1\n", "").replace("timeout", "timeuot").replace("\n", "\r\n")
    assert fixed(bad) == "\ufeff" + GOOD.replace("\n", "\r\n")


def test_a_good_file_and_one_that_is_no_text_stay_as_they_are():
    assert fix_file("jobs.yaml", GOOD.encode()).content == GOOD.encode()
    assert fix_file("jobs.yaml", b"\xff\xfe").content == b"\xff\xfe"


@together("unsafe", [False, True])
@together("path", CASES)
def test_fixing_ends_and_makes_no_file_worse(path, unsafe):
    before = path.read_bytes()
    once = fix_file("jobs.yaml", before, unsafe=unsafe)
    assert bool(once.fixed) == (once.content != before)
    assert fix_file("jobs.yaml", once.content, unsafe=unsafe).content == once.content
    old, new = check_file("jobs.yaml", before), check_file("jobs.yaml", once.content)
    assert old.document is None or new.document is not None
    errors = [sum(one.is_error for one in checked.diagnostics) for checked in (old, new)]
    assert errors[1] <= errors[0] or old.document is None


@together("path", CASES)
def test_every_offered_fix_is_applied_or_known_not_to_be(path):
    found = check_file("jobs.yaml", path.read_bytes()).diagnostics
    offered = [one.code for one in found if one.fixes]
    made = [one.code for one in fix_file("jobs.yaml", path.read_bytes(), unsafe=True).fixed]
    assert not offered or made
