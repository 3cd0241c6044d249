"""Rules about single fields of a job."""

import re
from collections.abc import Iterator, Mapping
from typing import Any  # values of a document are not typed yet

from jobfile.checks.job import Job, finding
from jobfile.diagnostic import Diagnostic, DocumentPath
from jobfile.duration import EXPECTED, parse_duration
from jobfile.settings import Setting, Settings
from jobfile.suggest import suggest

ACTIONS = ("run", "command")
PAYLOAD = frozenset({"run", "command", "env"})
"""Fields in which templates may stand; `concurrency.key` is the one more."""

_SECRET_SOURCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+", re.ASCII)
_CONDITION = re.compile(r"any|timeout|signal|exit:(\d{1,3})(?:-(\d{1,3}))?", re.ASCII)
_SHELL_WORDS = ("|", "||", "&&", ";", "&", ">", ">>", "<", "2>", "2>&1", "cd")
_DASHED_MINUTES = re.compile(r"(\d+) ?(sec|second|min|minute|hour|hr|day)s?", re.ASCII)


def check_action(job: Job) -> Iterator[Diagnostic]:
    """JF107: a job does exactly one thing."""
    path: DocumentPath = ("jobs", job.name)
    own = [key for key in ACTIONS if key in job.settings]
    if not own:
        yield finding(
            job.document,
            path,
            "JF107",
            f"job `{job.name}` says nothing to do",
            label="needs one of `run`, `command`",
            help=("give it a script:  run: echo hello",),
            at_key=True,
        )
    elif len(own) > 1:
        yield finding(
            job.document,
            (*path, own[1]),
            "JF107",
            f"job `{job.name}` says two things to do: `run` and `command`",
            label="a second one",
            help=("keep one of them; a script can call a program",),
            at_key=True,
        )


def durations_of(job: Job) -> Iterator[Setting]:
    """Every value of a job that must be a duration."""
    settings = job.settings
    for key in ("timeout", "kill_grace"):
        if key in settings:
            yield settings[key]
    for key, fields in (("retry", ("delay", "max_delay")), ("catchup", ("window",))):
        yield from _parts(settings.get(key), fields)
    for entry in schedule_entries(settings):
        yield from _parts(entry, ("every",))


def _parts(setting: Setting | None, keys: tuple[str, ...]) -> Iterator[Setting]:
    """The fields of a setting that is given as a map."""
    if setting is not None and isinstance(setting.value, Mapping):
        for key in keys:
            if setting.value.get(key) is not None:
                yield Setting(setting.value[key], (*setting.path, key))


def schedule_entries(settings: Settings) -> Iterator[Setting]:
    """The entries of a schedule, whether one or a list."""
    setting = settings.get("schedule")
    if setting is None:
        return
    if isinstance(setting.value, list):
        for index, value in enumerate(setting.value):
            yield Setting(value, (*setting.path, index))
    else:
        yield setting


def check_durations(job: Job) -> Iterator[Diagnostic]:
    """JF110: a duration is a number with a unit."""
    for setting in durations_of(job):
        text = job.text(setting)
        is_timeout = setting.path[-1] == "timeout"
        is_told = (is_timeout and text == "none") or "{{" in text
        if parse_duration(text) is None and not is_told:
            meant = meant_duration(text)
            yield finding(
                job.document,
                setting.path,
                "JF110",
                f"`{text[:40]}` is not a duration",
                label=f"expected {EXPECTED}",
                help=(f"write {meant}",) if meant else (),
                fix=meant,
            )


def meant_duration(text: str) -> str | None:
    """What somebody who wrote a number of seconds, or words, most likely meant."""
    if text.isascii() and text.isdigit():
        return f"{int(text)}s"
    words = _DASHED_MINUTES.fullmatch(text.strip().lower())
    return f"{words[1]}{words[2][0]}" if words else None


def check_literal_fields(job: Job) -> Iterator[Diagnostic]:
    """JF113: a template in a field that decides when and whether is refused: a plan must not depend on it."""
    for key, setting in job.settings.items():
        if key in PAYLOAD:
            continue
        for path, text in texts_below(setting.value, setting.path):
            if "{{" in text and path[-2:] != ("concurrency", "key"):
                start = text.index("{{")
                end = text.find("}}", start) + 2
                yield Diagnostic(
                    code="JF113",
                    message=f"template in `{key}`, which must be literal",
                    file=job.document.source.name,
                    span=job.document.within(path, start, end if end > start else len(text)),
                    label="values are filled in when a run starts; this is needed before",
                    path=path,
                    help=("templates may stand in run, command, env and concurrency.key",),
                )


def texts_below(value: Any, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:  # noqa: ANN401  document
    """Every text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from texts_below(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts_below(item, (*path, index))


def check_secrets(job: Job) -> Iterator[Diagnostic]:
    """JF104: a secret is named by the place it is read from; the value itself never stands in a file."""
    for name, setting in job.secrets.items():
        if not _SECRET_SOURCE.fullmatch(job.text(setting)):
            yield finding(
                job.document,
                setting.path,
                "JF104",
                f"secret `{name}` names no place to read it from",
                label="expected env:NAME or file:/path",
                help=(f"{name}: env:{name}", "the value itself must not stand in the file"),
            )


def check_retry_when(job: Job) -> Iterator[Diagnostic]:
    """JF104, JF106: the conditions under which a failed run is tried again."""
    setting = job.settings.get("retry")
    if setting is None or not isinstance(setting.value, Mapping):
        return
    when = setting.value.get("when") or []
    for index in range(len(when)):
        path = (*setting.path, "when", index)
        text = job.document.text(path)
        match = _CONDITION.fullmatch(text)
        if match is None:
            near = suggest(text, ("any", "timeout", "signal"))
            yield finding(
                job.document,
                path,
                "JF104",
                f"`{text[:40]}` is not a condition for a retry",
                label="expected any, timeout, signal, exit:N or exit:N-M",
                help=tuple(f"did you mean `{word}`?" for word in near),
                fix=near[0] if len(near) == 1 else None,
            )
        elif match[1] and not 0 < int(match[1]) <= int(match[2] or match[1]) <= 255:
            yield finding(
                job.document,
                path,
                "JF106",
                f"`{text}` names no exit code of a failure",
                label="expected 1 to 255, the smaller first",
            )


def check_timeout_is_set(job: Job) -> Iterator[Diagnostic]:
    """JF617: without a timeout a run that hangs keeps every later one from starting."""
    setting = job.settings.get("timeout")
    if setting is not None and setting.value == "none":
        yield finding(
            job.document,
            setting.path,
            "JF617",
            f"job `{job.name}` has no timeout",
            label="a run that hangs is never ended",
            help=("give the longest time that a good run may take:  timeout: 2h",),
        )


def check_command_is_no_shell(job: Job) -> Iterator[Diagnostic]:
    """JF623: the items of `command` go to the program as they are."""
    setting = job.settings.get("command")
    if setting is None:
        return
    for index, item in enumerate(setting.value):
        if item in _SHELL_WORDS:
            yield finding(
                job.document,
                (*setting.path, index),
                "JF623",
                f"`{item}` in a command list is passed on as it is",
                label="no shell reads this",
                help=("use  run:  for a shell script",),
            )
            return
