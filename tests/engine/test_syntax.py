"""What the shells of this machine say of a script, as a problem at its line."""

from pathlib import Path
from typing import Literal

import pytest

from engine.execution.launcher_client import ask
from engine.sources.shell_syntax import SyntaxChecker, shell_syntax
from jobfile.shell.syntax_errors import read_complaint, syntax_problem
from tests.language.shell_generators import BASH_CONTEXTS, CONTEXTS
from tests.together import together


@pytest.mark.parametrize("dialect", ["sh", "bash"])
@pytest.mark.parametrize(
    "script", ["echo\nfi\n", "echo\necho )\n", "\n\nif true; then", 'echo "a\n', "x=$(("]
)
def test_a_script_that_no_shell_can_read_is_complained_about(
    script: str, dialect: Literal["sh", "bash"]
) -> None:
    complaint = shell_syntax(script, dialect)
    assert complaint is not None
    line, message = complaint
    assert 1 <= line <= script.count("\n") + 2  # bash names the line after the last one
    assert message
    assert not message.startswith((dialect, "line", "Syntax error:", "syntax error:"))
    problem = syntax_problem(script, complaint, shell=dialect)
    assert problem.code == "JF420"
    assert 0 <= problem.start < problem.end <= len(script)
    assert problem.label == message


@together("script", CONTEXTS)
def test_a_good_script_is_read_by_both(script: str) -> None:
    text = script.replace("{{v}}", '"${JF_1}"')
    assert shell_syntax(text, "sh") is None
    assert shell_syntax(text, "bash") is None


def test_bash_reads_what_only_bash_knows_and_what_shopt_switches_on() -> None:
    checker = SyntaxChecker()
    texts = [script.replace("{{v}}", '"${JF_1}"') for script in BASH_CONTEXTS]
    assert checker.check([(text, "bash") for text in texts]) == [None] * len(texts)


def test_nothing_is_run(tmp_path: Path) -> None:
    script = f"touch {tmp_path}/ran\n$(touch {tmp_path}/ran)\n"
    assert [shell_syntax(script, "sh"), shell_syntax(script, "bash")] == [None, None]
    assert not (tmp_path / "ran").exists()


def test_a_checker_answers_in_order_and_remembers() -> None:
    checker = SyntaxChecker()
    scripts: list[tuple[str, Literal["sh", "bash"]]] = [
        ("echo", "sh"),
        ("fi", "sh"),
        ("echo", "bash"),
        ("fi", "sh"),
    ]
    first = checker.check(scripts)
    assert [one is None for one in first] == [True, False, True, False]
    assert checker.check(scripts) == first


def test_a_shell_that_is_not_there_complains_about_nothing() -> None:
    assert ask(["no-such-shell"], "x", timeout_seconds=1.0) is None
    assert ask(["sleep", "5"], "x", timeout_seconds=0.05) is None


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('sh: 3: Syntax error: "fi" unexpected\n', (3, '"fi" unexpected')),
        (
            "bash: line 2: syntax error near unexpected token `fi'\nbash: line 2: `fi'\n",
            (2, "syntax error near unexpected token `fi'"),
        ),
        ("bash: line 1: warning: here-document\nbash: line 4: unexpected EOF\n", (4, "unexpected EOF")),
        ("sh: <stdin>[7]: syntax error: unexpected 'fi'\n", (7, "unexpected 'fi'")),
        ("sh: syntax error at line 3: `fi' unexpected\n", (3, "`fi' unexpected")),
        ('sh: syntax error: unexpected "fi"\n', (1, 'unexpected "fi"')),
        ("", (1, "not a script that this shell can read")),
    ],
)
def test_what_different_shells_say_is_understood(said: str, complaint: tuple[int, str]) -> None:
    assert read_complaint(said) == complaint


def test_a_template_of_several_lines_does_not_move_the_place() -> None:
    text = "echo {{\n x }}\n  fi\n"
    problem = syntax_problem(text, (2, "no"), shell="sh", slots=[(5, 13)])
    assert text[problem.start : problem.end] == "fi"
