"""Checks that complete jobs could come from a job file; jobs from another source are not trusted.

A stored job also contains derived values, for example the script for the shell beside the text as written. If
only one of them is edited, the text shows something different from what runs.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from jobfile.expressions.expression import Kind, Scope, Type
from jobfile.expressions.scopes import (
    FILE,
    RUN,
    WEBHOOK,
    Names,
    after_names,
    build,
    common_names,
    item_of_loop,
    matrix_names,
    params_names,
    step_names,
    upstream_names,
    vars_names,
)
from jobfile.expressions.template import check_slot, parse_expression, with_constants
from jobfile.model.jobs import (
    AfterTrigger,
    BootTrigger,
    BusinessDayEntry,
    CronEntry,
    FileTrigger,
    JobSpec,
    PythonAction,
    ScriptAction,
    SimpleAction,
    StepsAction,
    StepSpec,
)
from jobfile.model.names import is_job_name, is_param_name, is_step_name, is_variable, is_word
from jobfile.model.webhooks import WebhookTrigger
from jobfile.shell.payload import SHELLS, Dialect, compiled_script


def find_foreign(jobs: Sequence[JobSpec]) -> Iterator[str]:
    """What no job file could produce, a sentence each: an invalid name, a script that differs from its text.

    The sentences do not quote an invalid name.
    """
    names = [spec.name for spec in jobs]
    if not all(map(is_job_name, names)):
        yield "a job has an invalid name"
        return
    if len(set(names)) < len(names):
        yield "two jobs have the same name"
    readable = {spec.name: upstream_names(spec.outputs, spec.params) for spec in jobs}
    for spec in jobs:
        if not all(is_named(name) for is_named, given in _names(spec) for name in given):
            yield f"job `{spec.name}` has a part with an invalid name"
        elif not all(_is_compiled(action, scope) for action, scope in _scripts(spec, readable)):
            yield f"job `{spec.name}` would run something different from its text"


def _names(spec: JobSpec) -> Iterator[tuple[Callable[[str], bool], Iterable[str]]]:
    """Every name in a job, with its grammar."""
    steps = _steps(spec)
    channels = [channel for found in spec.notify.values() for channel in found]
    yield is_job_name, [spec.renamed_from] if spec.renamed_from is not None else []
    yield is_job_name, [job for one in spec.triggers if isinstance(one, AfterTrigger) for job in one.jobs]
    yield is_job_name, [spec.queue.name] if spec.queue else []
    yield is_job_name, [channel.name for channel in channels]
    yield is_job_name, list(_calendars(spec))
    yield is_param_name, [one.name for one in spec.params]
    yield is_param_name, [name for one in spec.schedule for name in one.arguments]
    yield is_word, [one.name for one in spec.outputs]
    yield is_word, [name for names in (spec.vars, *spec.matrix) for name in names]
    yield is_word, [one.name for step in steps for one in step.outputs]
    yield is_step_name, [name for step in steps for name in (step.name, *step.needs)]
    yield is_variable, [*spec.env, *spec.secrets, *spec.pass_env]
    yield is_variable, [name for step in steps for name in (*step.env, *step.secrets)]
    yield is_variable, [name for channel in channels for name in channel.secrets]
    yield is_variable, [part for one in _functions(spec) for part in (*one.module.split("."), one.function)]


def _calendars(spec: JobSpec) -> Iterator[str]:
    for one in spec.schedule:
        if isinstance(one, (CronEntry, BusinessDayEntry)) and one.calendar is not None:
            yield one.calendar.name
    for channel in (channel for found in spec.notify.values() for channel in found):
        if channel.quiet is not None and channel.quiet.calendar is not None:
            yield channel.quiet.calendar.name


def _steps(spec: JobSpec) -> tuple[StepSpec, ...]:
    return spec.action.steps if isinstance(spec.action, StepsAction) else ()


def _functions(spec: JobSpec) -> Iterator[PythonAction]:
    for action in (spec.action, *(step.action for step in _steps(spec))):
        if isinstance(action, PythonAction):
            yield action


def _is_compiled(action: SimpleAction, scope: Scope) -> bool:
    """Whether a script is the compiled form of its text."""
    if not isinstance(action, ScriptAction):
        return True
    dialects: dict[tuple[str, ...], Dialect] = {SHELLS["sh"]: "sh", SHELLS["bash"]: "bash"}
    dialect = dialects.get(action.shell)
    if dialect is None:
        return (action.compiled, action.values) == (with_constants(action.text), ())
    script, sources, _ = compiled_script(action.text, scope, dialect=dialect)
    return (action.compiled, action.values) == (script, sources)


def _scripts(spec: JobSpec, readable: Mapping[str, Names]) -> Iterator[tuple[SimpleAction, Scope]]:
    """The actions of a job and its steps, each with the names available in its text."""
    names = {**RUN, **params_names(spec.params), **matrix_names(spec.matrix)}
    constants, kinds = vars_names(spec.vars), _kinds(spec, readable)
    if not isinstance(spec.action, StepsAction):
        yield spec.action, build(names, constants=constants, secrets=spec.secrets, kinds=kinds)
        return
    steps = {step.name: step for step in spec.action.steps}
    for step in steps.values():
        known = dict(names)
        for name in _upstream(step, steps):
            done = steps[name]
            known |= step_names(name, done.outputs, is_for_each=done.for_each is not None)
        scope = build(known, constants=constants, secrets=step.secrets, kinds=kinds)
        yield step.action, _with_item(step, scope)


def _kinds(spec: JobSpec, readable: Mapping[str, Names]) -> dict[str, Names]:
    """The ways in which runs of a job start, each with the names it adds."""
    found: dict[str, Names] = {"schedule": {}} if spec.schedule else {}
    after: list[Names] = []
    for trigger in spec.triggers:
        match trigger:
            case FileTrigger():
                found["file"] = FILE
            case WebhookTrigger():
                found["webhook"] = WEBHOOK
            case BootTrigger():
                found["boot"] = {}
            case AfterTrigger():
                upstream = [readable.get(job, {}) for job in trigger.jobs]
                after.append(after_names(upstream, needs_all=bool(trigger.all)))
    if after:
        found["after"] = common_names(after)
    return found


def _upstream(step: StepSpec, steps: Mapping[str, StepSpec]) -> frozenset[str]:
    found: set[str] = set()
    waiting = list(step.needs)
    while waiting:
        name = waiting.pop()
        if name in steps and name not in found:
            found.add(name)
            waiting += steps[name].needs
    return frozenset(found)


def _with_item(step: StepSpec, scope: Scope) -> Scope:
    if step.for_each is None:
        return scope
    parsed = parse_expression(step.for_each)
    found = Type(Kind.ANY) if parsed is None else check_slot(parsed, scope)[0]
    item = item_of_loop(found)
    return Scope(scope.names_and({"item": item}), scope.by_trigger, {})
