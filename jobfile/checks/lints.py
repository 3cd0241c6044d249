"""Lints: the job is valid, but may not do what the author wants."""

import re
from collections.abc import Iterator, Sequence

from jobfile.checks.finding import finding, located
from jobfile.checks.sections import names_read, with_meant
from jobfile.compile.actions import texts_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.expression import Problem
from jobfile.expressions.template import find_slots
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.shell.lexer import read_script
from jobfile.shell.places import Word

_NOW = re.compile(r"\b(?:now|current_timestamp|sysdate|getdate)\s*\(\s*\)", re.IGNORECASE)
_GIVES_THE_TIME = re.compile(r"-[a-zA-Z]*[dfr].*|--(?:date|file|reference)(?:=.*)?", re.DOTALL)
"""Options with which `date` does not read the clock."""


def check_described(job: JobText) -> Iterator[Diagnostic]:
    """JF601: shown on request only. Without a description, users on call do not know what a job is for."""
    missing = [key for key in ("owner", "description") if key not in job.settings and not job.is_unsure(key)]
    if missing:
        yield finding(
            job.here,
            "JF601",
            f"{job.words} has no {' and no '.join(missing)}",
            label="who owns it, and what is it for?",
            help=tuple(f"add  {key}: …" for key in missing),
            at_key=True,
        )


def check_started_by_something(job: JobText) -> Iterator[Diagnostic]:
    """JF619: shown on request only; a job that is started by hand is fine."""
    is_unsure = job.is_unsure("schedule", "triggers")
    if "schedule" not in job.settings and not list(job.triggers) and not is_unsure:
        yield finding(
            job.here,
            "JF619",
            f"{job.words} only starts by hand or through the API",
            label="no schedule and no trigger",
            at_key=True,
        )


def check_params_used(job: JobText) -> Iterator[Diagnostic]:
    """JF602: an unused param is a typing mistake or a leftover."""
    if not job.params or any("python" in payload.settings for payload in job.payloads):
        return
    texts = [*_texts_that_read(job.payloads), *job.document.lost_texts(job.path)]
    read = with_meant(names_read("params", texts), {param.name for param in job.params})
    for param in job.params:
        variable = f"JOBFILE_PARAM_{param.name.upper()}"
        if param.name not in read and not any(variable in text for text in texts):
            setting = job.settings["params"].part(param.name)
            assert setting is not None
            yield finding(
                setting,
                "JF602",
                f"param `{param.name}` of {job.words} is never used",
                label="nothing reads this",
                help=(
                    f"use it:  {{{{ params.{param.name} }}}}",
                    f"or read it as ${variable} in the script",
                ),
                at_key=True,
            )


_READERS = ("run", "command", "http", "working_dir", "concurrency", "idempotency_key", "if", "for_each")


def _texts_that_read(payloads: tuple[Payload, ...]) -> Iterator[str]:
    for payload in payloads:
        settings = [payload.settings[key] for key in _READERS if key in payload.settings]
        for setting in (*settings, *payload.env.values()):
            yield from (one.value for one in setting.texts())


def check_reads_no_clock(payload: Payload) -> Iterator[Diagnostic]:
    """JF610: a catch-up run that reads the clock works on the wrong day."""
    job = payload if isinstance(payload, JobText) else payload.job
    catchup = job.settings.get("catchup")
    if "schedule" not in job.settings or job.is_unsure("catchup"):
        return
    if catchup is not None and catchup.value == "none":
        return
    script, command = payload.settings.get("run"), payload.settings.get("command")
    if script is not None:
        yield from _clock_in_script(script)
    elif command is not None and _is_date(command.value) and _reads_clock(texts_of(command)):
        yield _reads_the_clock(command.part(0) or command, 0, len("date"))


def _clock_in_script(script: Setting) -> Iterator[Diagnostic]:
    text = script.text
    if "date" not in text and "(" not in text:
        return
    slots = [(slot.start, slot.end) for slot in find_slots(text)[0]]
    if "date" in text:
        for command in read_script(text, slots).commands:
            word = _clock_word(command.words)
            if word is not None:
                yield _reads_the_clock(script, word.start, word.start + len(word.text))
                return
    found = _NOW.search(text)
    if found is not None and not any(start <= found.start() < end for start, end in slots):
        yield _reads_the_clock(script, found.start(), found.end())


def _clock_word(words: Sequence[Word]) -> Word | None:
    command = [word for word in words if not re.match(r"[A-Za-z_][A-Za-z0-9_]*=", word.text)]
    return command[0] if command and _reads_clock([word.text for word in command]) else None


def _is_date(words: list[object]) -> bool:
    return bool(words) and isinstance(words[0], str) and words[0].rpartition("/")[2] == "date"


def _reads_clock(words: Sequence[str]) -> bool:
    return _is_date([*words[:1]]) and not any(_GIVES_THE_TIME.fullmatch(word) for word in words[1:])


def _reads_the_clock(setting: Setting, start: int, end: int) -> Diagnostic:
    problem = Problem(
        code="JF610",
        message="this reads the clock, but a catch-up run can start on a later day",
        start=start,
        end=end,
        label="the day on which it runs, not the day it is for",
        help=(
            "use  {{ run.scheduled_at | date('%Y-%m-%d') }}",
            "or, if late runs are not needed,  catchup: none",
        ),
    )
    return located(setting, problem)
