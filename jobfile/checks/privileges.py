"""Rules about privileges and reserved names: programs that need more privileges, and jobfile's own names."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from jobfile.checks.finding import finding, located
from jobfile.checks.keys import key_before
from jobfile.checks.shells import script_read
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.expression import Problem
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting, any_text
from jobfile.model.environment import is_reserved
from jobfile.model.regex import regex
from jobfile.shell.places import Word
from jobfile.shell.programs import heads

GAINS_RIGHTS: Final = frozenset(
    "sudo sudoedit su doas pkexec runuser mount umount fusermount fusermount3 newuidmap newgidmap newgrp sg "  # noqa: SIM905  words
    "crontab at batch passwd chsh chfn gpasswd".split()
)
"""Programs that gain privileges: their files are setuid or setgid on most systems."""
_WORTH_READING: Final = regex(rf"\b(?:{'|'.join(sorted(GAINS_RIGHTS))})\b")


def check_gained_rights(payload: Payload) -> Iterator[Diagnostic]:
    """JF632: a job that cannot gain privileges calls a program that needs them."""
    job = payload if isinstance(payload, JobText) else payload.job
    allowed = job.settings.get("new_privileges")
    if (allowed is not None and allowed.value is True) or job.is_unsure("new_privileges"):
        return
    for setting, word in _programs(payload):
        problem = Problem(
            code="JF632",
            message=f"`{word.name}` needs to gain privileges, but this job cannot",
            start=word.start,
            end=word.end,
            label="it fails unless the engine runs as root",
            help=("to let the job gain more privileges than the engine:  new_privileges: true",),
        )
        action = "run" if "run" in payload.settings else "command"
        fix = key_before(payload, action, "new_privileges", "true") if payload is job else None
        found = located(setting, problem)
        yield replace(found, fixes=() if fix is None else (fix,))
        return


def _programs(payload: Payload) -> Iterator[tuple[Setting, Word]]:
    """The programs in a script or command that gain privileges, with the places of their names."""
    command = payload.settings.get("command")
    if command is not None and any_text(command.value, _is_worth_reading):
        items = list(command.parts())
        words = [Word(start=0, text=item.text, end=len(item.text)) for item in items]
        for at in heads(words):
            if words[at].name in GAINS_RIGHTS:
                yield items[at], words[at]
    setting = payload.settings.get("run")
    if setting is None or not _is_worth_reading(setting.text):
        return
    script = script_read(payload)
    if script is None:
        return
    for one in script.commands:
        for at, is_certain in heads(one.words).items():
            word = one.words[at]
            if is_certain and word.name in GAINS_RIGHTS and word.name not in script.notes.functions:
                yield setting, word


def _is_worth_reading(text: str) -> bool:
    return _WORTH_READING.search(text) is not None


def check_reserved_names(payload: Payload) -> Iterator[Diagnostic]:
    """JF214: a file cannot use the variable names that jobfile reserves."""
    for key, settings in (("env", payload.env), ("secrets", payload.secrets)):
        for name, setting in settings.items():
            if is_reserved(name):
                yield _reserved(setting, name, key, at_key=True)
    passed = payload.settings.get("pass_env")
    for one in () if passed is None else passed.parts():
        if is_reserved(one.text):
            yield _reserved(one, one.text, "pass_env", at_key=False)


def _reserved(setting: Setting, name: str, key: str, *, at_key: bool) -> Diagnostic:
    return finding(
        setting,
        "JF214",
        f"`{name}` in {key} is reserved by jobfile",
        label="names that begin with JF_ or JOBFILE_ are reserved",
        help=("choose a different name",),
        at_key=at_key,
    )
