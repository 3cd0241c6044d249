"""JF420: syntax errors that the shells report. The caller runs the shells, as this starts processes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

from jobfile.checks.finding import located
from jobfile.checks.keys import use_bash
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.template import find_slots
from jobfile.files.fileset import FileSet, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.dataclass import dataclass
from jobfile.model.regex import regex
from jobfile.shell.bashisms import BASHISMS, find_bashisms
from jobfile.shell.lexer import read_script
from jobfile.shell.payload import compiled_script
from jobfile.shell.syntax_errors import syntax_problem

Dialect = Literal["sh", "bash"]
AskShells = Callable[[Sequence[tuple[str, Dialect]]], Sequence[tuple[int, str] | None]]
"""Scripts and their shells -> for each, the line and text of the shell's error, or None."""

_VARIABLE: Final = r"\$\w++|\$\{\w+\}"
_WORD: Final = rf"(?:[\w./:=@%+,-]|{_VARIABLE}|\"(?:[^\"`$\\]|{_VARIABLE})*+\"|'[^']*')++"
_RESERVED: Final = (
    r"(?!(?:if|then|elif|else|fi|for|while|until|do|done|case|esac|in|select|function|time|coproc)\b)"
)
_COMMAND: Final = rf"{_RESERVED}{_WORD}(?:[ \t]++(?:[12]?>>?[ \t]*+)?{_WORD})*"
_JOINED: Final = rf"{_COMMAND}(?:[ \t]*+(?:\|\||&&|\|)[ \t]*+{_COMMAND})*"
_PLAIN: Final = regex(rf"[ \t]*+(?:{_JOINED})?[ \t]*+(?:(?<!\S)#.*)?")
"""A line of commands with plain or quoted words: every shell accepts these.

The parts do not backtrack (`++`): else the time would double with each variable of another line.
"""


@dataclass(frozen=True, slots=True, eq=False)
class _Script:
    payload: Payload
    setting: Setting
    text: str
    dialect: Dialect


def check_scripts(files: FileSet, ask: AskShells, *, but: Sequence[Diagnostic]) -> Iterator[Diagnostic]:
    """JF420 for each script that its shell cannot read, unless it already has a finding."""
    known = {(one.file, one.path) for one in but if one.is_error}
    scripts = [
        script
        for job in files.jobs.values()
        for payload in job.payloads
        for script in _script_of(payload)
        if (script.setting.document.source.name, script.setting.path) not in known
    ]
    answers = ask([(script.text, script.dialect) for script in scripts]) if scripts else ()
    for script, complaint in zip(scripts, answers, strict=True):
        if complaint is not None:
            text = script.setting.text
            slots = [(slot.start, slot.end) for slot in find_slots(text)[0]]
            problem = syntax_problem(text, complaint, shell=script.dialect, slots=slots)
            yield _with_bash(script, located(script.setting, problem), slots)


def _with_bash(script: _Script, found: Diagnostic, slots: list[tuple[int, int]]) -> Diagnostic:
    """The finding, with the bash syntax that sh cannot read, if that is the reason."""
    text = script.setting.text
    parts = find_bashisms(read_script(text, slots)) if script.dialect == "sh" else []
    refused = [one for one in parts if BASHISMS[one.what].is_refused]
    if not refused:
        return found
    names = ", ".join(dict.fromkeys(f"`{one.what}`" for one in refused))
    ways = tuple(dict.fromkeys(BASHISMS[one.what].instead for one in refused if BASHISMS[one.what].instead))
    help_ = (
        f"{names}: this works only in bash; write  shell: bash",
        *(f"or {way}" for way in ways),
        *found.help,
    )
    return replace(found, help=help_, fixes=use_bash(script.payload))


def _script_of(payload: Payload) -> Iterator[_Script]:
    """The script of a job or step as its shell reads it, if it can have a syntax error."""
    setting, shell = payload.settings.get("run"), payload.settings.get("shell")
    dialect: Any = "sh" if shell is None else shell.value
    if setting is None or isinstance(dialect, list) or payload.is_unsure("shell"):
        return
    text, _, _ = compiled_script(setting.text, payload.scope, dialect=dialect)
    if text is not None and not is_plain(text):
        yield _Script(payload, setting, text, dialect)


def is_plain(text: str) -> bool:
    """Whether a script has only simple commands with words that every shell reads the same way."""
    return all(_PLAIN.fullmatch(line) for line in text.splitlines())
