"""Rules about templates, and about the scripts that values go into."""

from collections.abc import Iterator, Mapping
from typing import Any  # values of a document are not typed yet

from jobfile.checks.job import Job, located
from jobfile.diagnostic import Diagnostic, DocumentPath
from jobfile.payload import compiled_script
from jobfile.template import check_slot, check_text_type, find_slots, has_template


def check_payloads(job: Job) -> Iterator[Diagnostic]:
    """JF401-JF427: every template, wherever it may stand."""
    yield from _check_script(job)
    command = job.settings.get("command")
    if command is not None:
        for index in range(len(command.value)):
            yield from _check_text(job, (*command.path, index), is_argument=True)
    for setting in job.env.values():
        yield from _check_text(job, setting.path, allow_secrets=True)
    concurrency = job.settings.get("concurrency")
    if concurrency is not None and isinstance(concurrency.value, Mapping) and "key" in concurrency.value:
        yield from _check_text(job, (*concurrency.path, "key"))


def _check_script(job: Job) -> Iterator[Diagnostic]:
    setting = job.settings.get("run")
    if setting is None:
        return
    text = job.text(setting)
    if not has_template(text):
        return
    shell: Any = job.settings["shell"].value if "shell" in job.settings else "sh"
    if isinstance(shell, list):
        slots, _ = find_slots(text)
        if slots:
            yield Diagnostic(
                code="JF422",
                message=f"template in a script for `{shell[0] if shell else ''}`",
                file=job.document.source.name,
                span=job.document.within(setting.path, slots[0].start, slots[0].end),
                label="only sh and bash scripts take templates",
                path=setting.path,
                help=(
                    f'give the value as  env: {{X: "{{{{ {slots[0].source} }}}}"}}  and read X in the script',
                ),
            )
        return
    _, _, problems = compiled_script(text, job.scope, dialect=shell)
    for problem in problems:
        yield located(job.document, setting.path, problem)


def _check_text(
    job: Job, path: DocumentPath, *, allow_secrets: bool = False, is_argument: bool = False
) -> Iterator[Diagnostic]:
    value = job.document.text(path)
    if not has_template(value):
        return
    slots, problems = find_slots(value)
    for problem in problems:
        yield located(job.document, path, problem)
    for slot in slots:
        is_whole = slot.start == 0 and slot.end == len(value)
        type_, slot_problems = check_slot(slot, job.scope, allow_secrets=allow_secrets)
        if not slot_problems and not (is_argument and is_whole and type_.kind == "list"):
            slot_problems = check_text_type(slot, type_, is_whole=is_whole)
        for problem in slot_problems:
            yield located(job.document, path, problem)
