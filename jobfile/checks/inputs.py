"""Rules about params, outputs, their values, and the matrix."""

from collections.abc import Iterator, Mapping

from jobfile.checks.finding import finding
from jobfile.compile.timing import entries_of
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.filters import as_text
from jobfile.expressions.params import check_pattern, check_value
from jobfile.files.declarations import param_of, value_of
from jobfile.files.fileset import JobText, Payload
from jobfile.files.matrix import MAX_COMBINATIONS, MOST_COUNTED, axes, combination_count, combinations, fits
from jobfile.files.merged_settings import Setting
from jobfile.model.environment import param_variable
from jobfile.model.jobs import ParamSpec, ParamType


def check_params(job: JobText) -> Iterator[Diagnostic]:
    """JF102, JF501, JF508: the declaration of a param is complete and consistent."""
    setting = job.settings.get("params")
    for one in () if setting is None else setting.parts():
        yield from _check_declared(one, "param")


def check_params_apart(job: JobText) -> Iterator[Diagnostic]:
    """JF215: the names of two params differ in more than capital letters, since both become variables."""
    setting = job.settings.get("params")
    first: dict[str, Setting] = {}
    for one in () if setting is None else setting.parts():
        name = str(one.path[-1])
        variable = param_variable(name)
        other = first.setdefault(variable, one)
        if other is not one:
            line = other.document.key_span(other.path).start.line
            yield finding(
                one,
                "JF215",
                f"params `{other.path[-1]}` and `{name}` of {job.words} have the same variable",
                label=f"${variable} can hold only one of them",
                notes=(f"`{other.path[-1]}` is in line {line}",),
                help=("rename one of them",),
                at_key=True,
            )


def check_outputs(payload: Payload) -> Iterator[Diagnostic]:
    """JF101, JF102, JF508: an output is declared like a param, but has no default."""
    setting = payload.settings.get("outputs")
    for one in () if setting is None else setting.parts():
        default = one.part("default")
        if default is not None:
            yield finding(
                default,
                "JF101",
                f"output `{one.path[-1]}` of {payload.words} cannot have a default",
                label="the process must set it, or the run fails",
                at_key=True,
            )
        else:
            yield from _check_declared(one, "output")


def _check_declared(setting: Setting, word: str) -> Iterator[Diagnostic]:
    name = str(setting.path[-1])
    spec = param_of(name, setting)
    if spec.type is ParamType.ARRAY and spec.item_type is None and not setting.is_unsure("items"):
        yield finding(
            setting,
            "JF102",
            f"{word} `{name}` is an array without a type for its items",
            label="`items` is missing",
            help=("add  items: {type: string}",),
            at_key=True,
        )
        return
    pattern, default = setting.part("pattern"), setting.part("default")
    trouble = check_pattern(pattern.text) if pattern is not None else None
    if pattern is not None and trouble is not None:
        message = f"pattern of {word} `{name}` is not supported"
        yield finding(pattern, "JF508", message, label=trouble)
        return
    trouble = check_value(spec, spec.default) if spec.default is not None else None
    if default is not None and trouble is not None:
        yield finding(
            default,
            "JF501",
            f"the default of {word} `{name}` breaks its own rules",
            label=trouble,
            help=("change the default, or the rule of the param that it breaks",),
        )


def check_arguments(job: JobText) -> Iterator[Diagnostic]:
    """JF502, JF503, JF504: a schedule or trigger sets valid values for all params it must set."""
    params = {param.name: param for param in job.params}
    for entry in entries_of(job):
        given = entry.part("with") if isinstance(entry.value, Mapping) else None
        for value in () if given is None else given.parts():
            yield from _check_argument(job, params, value)
        names = {} if given is None else given.value
        if not (isinstance(entry.value, Mapping) and entry.is_unsure("with")):
            yield from check_required(job, entry, "schedule", names, advice="set it:  with: {{{}: …}}")
    for trigger in job.triggers:
        if trigger.part("webhook") is None:
            yield from check_required(job, trigger, "trigger", {})


def check_required(
    job: JobText, setting: Setting, what: str, given: Mapping[str, object], *, advice: str = ""
) -> Iterator[Diagnostic]:
    """JF502: all params that need a value have one. `advice` says how to set one, with its name at `{}`."""
    params = job.settings.get("params")
    for param in job.params:
        is_unsure = params is not None and params.is_unsure(param.name)
        if param.is_required and param.name not in given and not is_unsure:
            how = (advice.format(param.name),) if advice else ()
            yield finding(
                setting,
                "JF502",
                f"the {what} sets no value for param `{param.name}`",
                label="each run started here needs it",
                help=(*how, f"{'or ' if how else ''}give `{param.name}` a default"),
            )


def _check_argument(job: JobText, params: Mapping[str, ParamSpec], value: Setting) -> Iterator[Diagnostic]:
    name = str(value.path[-1])
    if name not in params and job.is_unknown("params", name):
        return
    if name not in params:
        yield no_such_param(job, value, params)
        return
    trouble = check_value(params[name], value_of(value.value))
    if trouble is not None:
        yield finding(value, "JF504", f"value for param `{name}` breaks its rules", label=trouble)


def no_such_param(job: JobText, setting: Setting, params: Mapping[str, ParamSpec]) -> Diagnostic:
    """JF503 for a key that should be the name of a param."""
    name = str(setting.path[-1])
    near = suggest(name, params)
    return finding(
        setting,
        "JF503",
        f"{job.words} has no param `{name}`",
        label="not a param of this job",
        help=(did_you_mean(near),) if near else (),
        fix=near[0] if len(near) == 1 else None,
        at_key=True,
    )


def _check_values_differ(matrix: Setting, job: JobText) -> Iterator[Diagnostic]:
    for axis in axes(matrix):
        values = matrix.part(axis)
        seen: set[str] = set()
        for value in () if values is None else values.parts():
            text = as_text(value_of(value.value))
            if text in seen:
                yield finding(
                    value,
                    "JF507",
                    f"axis `{axis}` of the matrix of {job.words} has `{text}` twice",
                    label="the same combinations would run twice",
                    help=("remove one of them",),
                )
            seen.add(text)


def check_matrix(job: JobText) -> Iterator[Diagnostic]:
    """JF505 to JF507: the combinations of a matrix are few enough and differ, and `exclude` matches some."""
    setting = job.settings.get("matrix")
    if setting is None or job.is_unsure("matrix"):
        return
    count = combination_count(setting)
    if count > MAX_COMBINATIONS:
        yield finding(
            setting,
            "JF505",
            f"the matrix of {job.words} has {'at least ' * (count == MOST_COUNTED)}{count:,} combinations",
            label=f"at most {MAX_COMBINATIONS} combinations are allowed",
            help=("remove some values, or handle several of them in one script",),
            at_key=True,
        )
        return
    yield from _check_values_differ(setting, job)
    exclude = setting.part("exclude")
    every = list(combinations(setting))
    for rule in () if exclude is None else exclude.parts():
        if not any(fits(one, rule.value) for one in every):
            yield finding(
                rule,
                "JF506",
                "`exclude` names a combination that does not exist",
                label="matches nothing",
                help=("each name must be an axis of the matrix, and each value one of its values",),
            )
    if not job.matrix:
        what = "`exclude` removes all of them" if every else "it has no axis"
        yield finding(
            setting,
            "JF505",
            f"the matrix of {job.words} has no combination",
            label=f"the job would never run: {what}",
            at_key=True,
        )
