"""The mutator itself: what it changes, that it draws the same again, and what it calls noticed."""

import ast
from pathlib import Path

import pytest

from tests.known import ROOT, known_files
from tests.mutation.__main__ import Result, line_of, main, summary
from tests.mutation.covering import COVERING
from tests.mutation.equivalents import EQUIVALENTS
from tests.mutation.mutating import Mutant, drawn, mutants_of
from tests.mutation.running import Copy, is_noticed, most_seconds
from tests.soak import examples
from tests.together import together

ALLOWED = '''\
"""How many are let in."""

LIMIT = 3


def is_allowed(count: int, *, is_open: bool = True) -> bool:
    """Whether there is room."""
    return is_open and count < LIMIT
'''
HELD = "from allowed import is_allowed\n\ndef test_it():\n    assert is_allowed(2) and not is_allowed({})\n"
PROFILE = "from hypothesis import settings\nsettings.register_profile('verdict', deadline=None)\n"


def changes(text: str) -> set[str]:
    return {mutant.change for mutant in mutants_of(text)}


@together(
    ("text", "change"),
    [
        ("a == b", "a == b -> (a != b)"),
        ("a < b", "a < b -> (a <= b)"),
        ("a >= b", "a >= b -> (a > b)"),
        ("a is None", "a is None -> (a is not None)"),
        ("a in b", "a in b -> (a not in b)"),
        ("a < b < c", "a < b < c -> (a < b <= c)"),
        ("a and b or c", "a and b or c -> ((a and b) and c)"),
        ("a and b", "a and b -> (a)"),
        ("not a", "not a -> (a)"),
        ("x = a + 1", "1 -> 2"),
        ("x = a + 1", "1 -> 0"),
        ("x = a + b", "a + b -> (a - b)"),
        ("x = a * b", "a * b -> (a // b)"),
        ("x = True", "True -> False"),
        ("x = 'start_deadline'", "'start_deadline' -> 'start_deadline-other'"),
        ("x = -a", "-a -> (a)"),
        ("x = min(a, b)", "min -> max"),
        ("x = all(a)", "all -> any"),
        ("x = sorted(a)", "sorted -> list"),
        ("x = State.DONE, State.OPEN", "State.DONE -> State.OPEN"),
        ("if a: f()", "a -> (not (a))"),
        ("if a: f()", "a -> False"),
        ("x = b if a else c", "a -> (not (a))"),
        ("f(a)", "f(a) -> pass"),
        ("x += a", "x += a -> pass"),
        ("x = x or a", "x = x or a -> pass"),
        ("for x in a:\n    continue", "continue -> pass"),
        ("def f(a=1): return a", "1 -> 2"),
        ("def f(*, a=False): return a", "False -> True"),
        ("x = 'ä' == a", "'ä' == a -> ('ä' != a)"),
        ("def f(a):\n    match a:\n        case 1 if a > b: return 2", "a > b -> (a >= b)"),
    ],
)
def test_a_decision_is_changed(text: str, change: str) -> None:
    assert change in changes(text)


@pytest.mark.parametrize(
    "text",
    [
        "LIMIT = 3",
        "__all__ = ['a_word']",
        "LIMIT: Final = timedelta(seconds=3)",
        "SHELLS = ('sh', 'bash')",
        '"""a_word"""',
        "def f(a: 'word') -> 'other': ...",
        "@decorated(1)\ndef f(): ...",
        "import a, b",
        "if TYPE_CHECKING:\n    import a",
        "raise Wrong('reason', 1)",
        "assert a == b",
        "x = f'{a + 1}'",
        "x = 'A sentence of many words.'",
        "assert_never(a)",
        "match a:\n    case State.DONE: pass\n    case State.OPEN: pass",
    ],
)
def test_what_decides_nothing_is_left_alone(text: str) -> None:
    assert changes(text) <= {"... -> pass"}


@pytest.mark.parametrize("path", COVERING)
def test_each_change_to_a_module_compiles_and_changes_one_place(path: str) -> None:
    text = (ROOT / path).read_text()
    whole = ast.dump(ast.parse(text))
    for mutant in drawn(mutants_of(text), seed="any", count=examples(10)):
        assert ast.dump(ast.parse(mutant.text)) != whole, mutant.change
        assert mutant.source == text.splitlines()[mutant.line - 1].strip()


def test_a_seed_draws_the_same_again_and_a_larger_count_begins_with_them() -> None:
    text = (ROOT / "engine" / "core" / "due.py").read_text()
    few = drawn(mutants_of(text), seed="7", count=5)
    assert few == drawn(mutants_of(text), seed="7", count=5)
    assert few == drawn(mutants_of(text), seed="7", count=30)[:5]
    assert few != drawn(mutants_of(text), seed="8", count=5)


def test_every_module_has_tests_that_exist() -> None:
    for path, groups in COVERING.items():
        assert (ROOT / path).is_file()
        for test in (one for group in groups for one in group):
            assert (ROOT / test).exists(), test


def test_no_module_of_the_answers_is_left_out() -> None:
    for path in known_files("engine/answers", "*.py"):
        name = path.relative_to(ROOT).as_posix()
        assert name in COVERING or not mutants_of(path.read_text()), name


def test_an_equivalent_change_is_one_that_can_be_made_and_says_why() -> None:
    for one in EQUIVALENTS:
        made = mutants_of((ROOT / one.path).read_text())
        assert (one.source, one.change) in {(mutant.source, mutant.change) for mutant in made}, one
        assert len(one.because.split()) > 3


def small_project(folder: Path, test: str) -> Copy:
    """One module, and a test of it."""
    source = folder / "source"
    source.mkdir()
    files = {"allowed.py": ALLOWED, "test_allowed.py": test, "conftest.py": PROFILE}
    for name, text in files.items():
        (source / name).write_text(text)
    return Copy(folder / "copy", root=source, names=list(files))


def change_of(text: str, change: str) -> Mutant:
    [mutant] = [one for one in mutants_of(text) if one.change == change]
    return mutant


@pytest.mark.parametrize(("at", "is_seen"), [(3, True), (4, False)])
def test_a_change_that_no_test_fails_for_is_a_survivor(tmp_path: Path, at: int, is_seen: bool) -> None:
    """`<=` for `<` differs at the limit only, so the test has to ask there."""
    copy = small_project(tmp_path, HELD.format(at))
    group = ("test_allowed.py",)
    limit = most_seconds(copy, group)
    assert limit is not None
    mutant = change_of(ALLOWED, "count < LIMIT -> (count <= LIMIT)")
    assert is_noticed(copy, "allowed.py", mutant, {group: limit}) is is_seen
    assert (copy.folder / "allowed.py").read_text() == ALLOWED
    assert (tmp_path / "source" / "allowed.py").read_text() == ALLOWED


def test_a_change_that_never_ends_is_noticed(tmp_path: Path) -> None:
    copy = small_project(tmp_path, HELD.format(3))
    endless = Mutant(1, "", "", "while True:\n    pass\n")
    assert is_noticed(copy, "allowed.py", endless, {("test_allowed.py",): 1.0})


def test_tests_that_fail_without_a_change_prove_nothing(tmp_path: Path) -> None:
    copy = small_project(tmp_path, "def test_it():\n    assert False\n")
    assert most_seconds(copy, ("test_allowed.py",)) is None


def test_a_module_below_nine_in_ten_is_named_with_its_survivors() -> None:
    mutant = Mutant(7, "return a < b", "a < b -> (a <= b)", "")
    good, bad = Result("a.py", 9, (mutant,)), Result("b.py", 8, (mutant,))
    assert (good.is_enough, bad.is_enough) == (True, False)
    assert line_of(good).splitlines()[0] == "a.py: 9 of 10 noticed"
    assert line_of(bad).splitlines() == [
        "b.py: 8 of 9 noticed   below 90%",
        "  b.py:7: a < b -> (a <= b)   [return a < b]",
    ]
    unsound = Result("c.py", 10, (), is_sound=False)
    assert not unsound.is_enough
    assert line_of(unsound) == "c.py: 10 of 10 noticed   but its tests fail without a change: ask again"
    assert summary([good, bad], seed="1", seconds=60).endswith("write tests that notice these changes: b.py")


def test_a_module_without_tests_of_its_own_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"MUTATE_MODULES": "engine/nothing.py"}) == 2
    assert "engine/nothing.py: not in tests/mutation/covering.py" in capsys.readouterr().out
