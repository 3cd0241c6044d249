"""Rules about params, the values given for them, and vars."""

from collections.abc import Iterator, Mapping, Sequence

from jobfile.checks.fields import schedule_entries
from jobfile.checks.job import Job, finding
from jobfile.compile import param_of
from jobfile.diagnostic import Diagnostic
from jobfile.document import Document
from jobfile.model import ParamSpec, ParamType, Value
from jobfile.params import check_pattern, check_value
from jobfile.settings import Setting
from jobfile.suggest import suggest


def check_params(job: Job) -> Iterator[Diagnostic]:
    """JF102, JF501, JF508: a param is declared so that values can be checked against it."""
    declared = (job.document.tree["jobs"][job.name] or {}).get("params") or {}
    for name, fields in declared.items():
        path = ("jobs", job.name, "params", name)
        param = param_of(name, fields)
        if param.type is ParamType.ARRAY and param.item_type is None:
            yield finding(
                job.document,
                path,
                "JF102",
                f"param `{name}` is an array of what?",
                label="`items` is missing",
                help=("items: {type: string}",),
                at_key=True,
            )
            continue
        trouble = check_pattern(param.pattern) if param.pattern is not None else None
        if trouble is not None:
            yield finding(
                job.document,
                (*path, "pattern"),
                "JF508",
                f"pattern of param `{name}` is not supported",
                label=trouble,
            )
            continue
        if param.default is not None:
            trouble = check_value(param, param.default)
            if trouble is not None:
                yield finding(
                    job.document,
                    (*path, "default"),
                    "JF501",
                    f"default of param `{name}` breaks its own rules",
                    label=trouble,
                )


def check_arguments(job: Job) -> Iterator[Diagnostic]:
    """JF502, JF503, JF504: a schedule must be able to start the job by itself."""
    params = {param.name: param for param in job.params}
    for entry in schedule_entries(job.settings):
        given = (entry.value.get("with") or {}) if isinstance(entry.value, Mapping) else {}
        for name, value in given.items():
            yield from _check_argument(job, entry, params, name, value)
        for param in params.values():
            if param.is_required and param.name not in given:
                yield finding(
                    job.document,
                    entry.path,
                    "JF502",
                    f"the schedule gives no value for param `{param.name}`",
                    label="each run started here needs one",
                    help=(f"give one:  with: {{{param.name}: …}}", f"or give `{param.name}` a default"),
                )


def _check_argument(
    job: Job, entry: Setting, params: Mapping[str, ParamSpec], name: str, value: object
) -> Iterator[Diagnostic]:
    path = (*entry.path, "with", name)
    if name not in params:
        near = suggest(name, params)
        yield finding(
            job.document,
            path,
            "JF503",
            f"job `{job.name}` has no param `{name}`",
            label="not a param of this job",
            help=tuple(f"did you mean `{word}`?" for word in near),
            fix=near[0] if len(near) == 1 else None,
            at_key=True,
        )
        return
    bound: Value = tuple(value) if isinstance(value, list) else value  # type: ignore[assignment]  # shape checked
    trouble = check_value(params[name], bound)
    if trouble is not None:
        yield finding(
            job.document,
            path,
            "JF504",
            f"value for param `{name}` breaks its rules",
            label=trouble,
        )


def check_params_used(job: Job) -> Iterator[Diagnostic]:
    """JF602: a param that nothing reads is a typing mistake or a leftover."""
    own = job.settings
    texts = [own[key].value for key in ("run", "command", "concurrency") if key in own]
    payload = str([*texts, *(setting.value for setting in job.env.values())])
    for param in job.params:
        is_read = f"params.{param.name}" in payload or f"JOBFILE_PARAM_{param.name.upper()}" in payload
        calls_program = "command" in own or "run" in own
        if not is_read and not (calls_program and "JOBFILE_PARAM_" in payload):
            yield finding(
                job.document,
                ("jobs", job.name, "params", param.name),
                "JF602",
                f"param `{param.name}` of job `{job.name}` is never used",
                label="nothing reads this",
                help=(
                    f"use it:  {{{{ params.{param.name} }}}}",
                    f"or read it as $JOBFILE_PARAM_{param.name.upper()} in the script",
                ),
                at_key=True,
            )


def check_vars_used(document: Document, jobs: Sequence[Job]) -> Iterator[Diagnostic]:
    """JF603: a var that nothing reads is a typing mistake or a leftover."""
    declared = document.tree.get("vars") or {}
    if not declared:
        return
    payload = str([document.tree.get("defaults"), *(document.tree["jobs"][job.name] for job in jobs)])
    for name in declared:
        if f"vars.{name}" not in payload:
            yield finding(
                document,
                ("vars", name),
                "JF603",
                f"var `{name}` is never used",
                label="nothing reads this",
                help=(f"use it:  {{{{ vars.{name} }}}}",),
                at_key=True,
            )
