"""Rules about shell scripts: bash syntax in a script for sh, and ignored failures."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from jobfile.checks.finding import located
from jobfile.checks.keys import use_bash
from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.expressions.expression import Problem, Scope
from jobfile.expressions.scopes import type_of_param
from jobfile.expressions.template import check_slot, find_slots, has_template
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting, any_text
from jobfile.model.environment import (
    ABOUT_THE_RUN,
    GIVEN,
    PASSED_ON,
    SET_FOR_EACH_RUN,
    axis_variable,
    param_variable,
)
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex
from jobfile.shell.bashisms import BASHISMS, COMMANDS, find_bashisms
from jobfile.shell.failures import find_dropped
from jobfile.shell.lexer import read_script
from jobfile.shell.payload import SHELLS, compiled_script
from jobfile.shell.places import Part, Script

MAX_READ: Final = 128 * 1024
"""Maximum length of a checked script, in characters; longer ones are generated."""
_WORTH_READING: Final = regex(rf"[^\w./ :,@%]|\b(?:trap|read|coproc|{'|'.join(sorted(COMMANDS))})\b")
"""Each construct in these rules has one of these; most scripts are one plain command."""
MAX_SHOWN: Final = 30
"""Maximum characters of a construct that a message quotes."""
_SHELLS: Final = {"sh": "sh", "dash": "sh", "bash": "bash"}
"""The programs whose language is known if `shell` is a list."""
_STARTED_AS: Final = {name: list(words) for name, words in SHELLS.items()}
_TAKES_SCRIPT: Final = regex(r"-[a-zA-Z]*c")
_PIPEFAIL: Final = "pipefail"
_ERREXIT: Final = regex(r"-[a-df-zA-Z]*e[a-zA-Z]*|errexit")
_NOUNSET: Final = regex(r"-[a-tv-zA-Z]*u[a-zA-Z]*|nounset")


class ShellScript(NamedTuple):
    """A script, the language of its shell, and whether a failure inside a pipeline ends it."""

    setting: Setting
    dialect: str
    script: Script
    has_pipefail: bool
    has_nounset: bool
    has_errexit: bool


def script_of(payload: Payload) -> ShellScript | None:
    """The script of a job or step if its shell is known, parsed as bash: this is what the author meant."""
    setting, shell = payload.settings.get("run"), payload.settings.get("shell")
    if setting is None:
        return _script_in_command(payload)
    if payload.is_unsure("shell"):
        return None
    value = "sh" if shell is None else shell.value
    words = [str(word) for word in value] if isinstance(value, list) else _STARTED_AS.get(value, [])
    return _script(setting, words)


def script_read(payload: Payload) -> Script | None:
    """The parsed script of `run`, if its shell is known and it can be read; also for one plain command."""
    setting, shell = payload.settings.get("run"), payload.settings.get("shell")
    value = "sh" if shell is None else shell.value
    words = [str(word) for word in value] if isinstance(value, list) else _STARTED_AS.get(value, [])
    is_shell = bool(words) and words[0].rpartition("/")[2] in _SHELLS
    if setting is None or not is_shell or len(setting.text) > MAX_READ:
        return None
    return _read(setting.text)


def _script_in_command(payload: Payload) -> ShellScript | None:
    """The script in `command: [sh, -c, SCRIPT]`."""
    command = payload.settings.get("command")
    if command is None or not any_text(command.value, _takes_script):
        return None
    items = list(command.parts())
    texts = [one.text for one in items]
    at = next((at for at, text in enumerate(texts) if at and _TAKES_SCRIPT.fullmatch(text)), 0)
    if not at or at + 1 >= len(items) or has_template(texts[at + 1]):
        return None
    return _script(items[at + 1], texts[: at + 1])


def _takes_script(word: str) -> bool:
    return _TAKES_SCRIPT.fullmatch(word) is not None


def _script(setting: Setting, words: Sequence[str]) -> ShellScript | None:
    """A script for a shell that is started with these words."""
    text = setting.text
    dialect = _SHELLS.get(words[0].rpartition("/")[2]) if words else None
    if dialect is None or len(text) > MAX_READ or not _WORTH_READING.search(text):
        return None
    script = _read(text)
    if script is None:
        return None
    return ShellScript(
        setting,
        dialect,
        script,
        has_pipefail=_PIPEFAIL in words,
        has_nounset=any(_NOUNSET.fullmatch(word) for word in words),
        has_errexit=any(_ERREXIT.fullmatch(word) for word in words),
    )


@lru_cache(maxsize=1024)
def _read(text: str) -> Script | None:
    """The parsed script; None if its templates cannot be read, which another rule reports."""
    slots, problems = find_slots(text)
    return None if problems else read_script(text, [(slot.start, slot.end) for slot in slots])


def carried_names(payload: Payload) -> frozenset[str]:
    """The variables whose values are chosen at the start of a run: params, and templates in `env`."""
    job = payload if isinstance(payload, JobText) else payload.job
    return frozenset(
        {
            param_variable(one.name)
            for one in job.params
            if not type_of_param(one).cannot_be_code and not job.is_unsure("params")
        }
        | {name for name, setting in payload.env.items() if _has_value(setting, payload.scope)}
    )


def _has_value(setting: Setting, scope: Scope) -> bool:
    """Whether a text has a template whose value could be code."""
    if not isinstance(setting.value, str) or not has_template(setting.value):
        return False
    return any(
        not check_slot(slot, scope, allow_secrets=True)[0].cannot_be_code
        for slot in find_slots(setting.value)[0]
    )


def variables_of(payload: Payload) -> frozenset[str]:
    """The variables that the process of a job or step has before its script starts."""
    job = payload if isinstance(payload, JobText) else payload.job
    passed = job.settings.get("pass_env")
    return frozenset(
        {
            *PASSED_ON,
            *GIVEN,
            *SET_FOR_EACH_RUN,
            *ABOUT_THE_RUN,
            *payload.env,
            *(name for name in payload.secrets if f"secrets.{name}" not in job.refused),
            *(one.text for one in (() if passed is None else passed.parts())),
            *(param_variable(param.name) for param in job.params),
            *(axis_variable(name) for one in job.matrix[:1] for name in one),
        }
    )


def check_bash_in_sh(payload: Payload) -> Iterator[Diagnostic]:
    """JF428, JF429: sh reads a construct of bash differently, or does not know it."""
    read = script_of(payload)
    if read is None or read.dialect != "sh":
        return
    parts = find_bashisms(read.script, variables_of(payload))
    if not parts:
        return
    text = read.setting.text
    reported = _reported_places(payload, text)
    seen: set[tuple[str, str]] = set()
    for part in parts:
        shown = _shown(part, text)
        is_reported = any(part.start <= at < part.end for at in reported)
        if BASHISMS[part.what].is_refused or is_reported or (part.what, shown) in seen:
            continue
        seen.add((part.what, shown))
        yield _only_bash(payload, read.setting, part, shown)


def check_failures_are_seen(payload: Payload) -> Iterator[Diagnostic]:
    """JF433: a failure that the shell ignores, so that the run succeeds."""
    read = script_of(payload)
    if read is None or read.script.lost or read.script.broken:
        return
    found = find_dropped(
        read.script, dialect=read.dialect, has_pipefail=read.has_pipefail, has_errexit=read.has_errexit
    )
    for one in found:
        problem = Problem(
            code="JF433", message=one.message, start=one.start, end=one.end, label=one.label, help=one.ways
        )
        fixes = use_bash(payload) if one.is_pipe and read.dialect == "sh" else ()
        yield replace(located(read.setting, problem), fixes=fixes)


def _reported_places(payload: Payload, text: str) -> list[int]:
    """The templates in a wrong place, and the construct that makes their place unknown (JF410)."""
    slots, _ = find_slots(text)
    if not slots:
        return []
    _, _, problems = compiled_script(text, payload.scope, dialect="sh")
    lost = read_script(text, [(slot.start, slot.end) for slot in slots], "sh").lost if problems else None
    return [*(one.start for one in problems), *(() if lost is None else (lost[0],))]


def _shown(part: Part, text: str) -> str:
    """The construct as named in the message."""
    written = text[part.start : part.end]
    if part.what == "&>":
        return "&>>" if written.startswith("&>>") else "&>"
    if part.what == "((":
        return "(( ))"
    if "variable" in part.what:
        return "$" + written.lstrip("${").partition("}")[0].partition("[")[0].partition(":")[0]
    first = written.partition("\n")[0]
    return first if len(first) <= MAX_SHOWN else f"{first[:MAX_SHOWN]}…"


def _only_bash(payload: Payload, setting: Setting, part: Part, shown: str) -> Diagnostic:
    row = BASHISMS[part.what]
    bash = "shell: bash" if "run" in payload.settings else "bash -c  instead of  sh -c"
    ways = (row.instead, f"or  {bash}") if row.instead else (f"write  {bash}",)
    problem = Problem(
        code="JF428" if row.loses else "JF429",
        message=f"`{shown}` is bash syntax, but this script runs in sh",
        start=part.start,
        end=part.end,
        label=row.sh_does,
        help=ways,
    )
    found = located(setting, problem)
    own = _redirected_for_sh(setting, part, found) if part.what in ("&>", ">&") else ()
    return replace(found, fixes=(*own, *use_bash(payload)))


def _redirected_for_sh(setting: Setting, part: Part, found: Diagnostic) -> tuple[Fix, ...]:
    """`&> FILE` rewritten for sh; only if the place in the file is known."""
    if found.span == setting.document.span(setting.path):
        return ()
    written = setting.text[part.start : part.end]
    sign = ">>" if written.startswith("&>>") else ">"
    text = f"{sign} {written.lstrip('&>').strip()} 2>&1"
    return (Fix(title=f"replace with `{text}`", edits=(Edit(span=found.span, text=text),)),)
