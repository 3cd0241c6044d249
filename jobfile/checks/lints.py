"""Lints: the job is valid, but may not do what the author wants."""

from collections.abc import Iterator

from jobfile.checks.finding import finding
from jobfile.checks.sections import names_read, with_meant
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText, Payload
from jobfile.files.following import followed
from jobfile.model.environment import param_variable


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
            f"{job.words} starts only by hand",
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
        variable = param_variable(param.name)
        if param.name not in read and not any(variable in text for text in texts):
            if param.name in names_read("trigger.params", _texts_of_followers(job)):
                continue
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


def _texts_of_followers(job: JobText) -> Iterator[str]:
    """The texts of the jobs that start after a job: they can read its params."""
    for other in job.files.jobs.values():
        if any(one.text == job.name for trigger in other.triggers for one in followed(trigger)):
            yield from _texts_that_read(other.payloads)


_READERS = ("run", "command", "http", "working_dir", "concurrency", "idempotency_key", "if", "for_each")


def _texts_that_read(payloads: tuple[Payload, ...]) -> Iterator[str]:
    for payload in payloads:
        settings = [payload.settings[key] for key in _READERS if key in payload.settings]
        for setting in (*settings, *payload.env.values()):
            yield from (one.value for one in setting.texts())
