"""Rules about templates and expressions, and about scripts with values."""

from collections.abc import Iterator
from typing import Any  # values of a document are not typed yet

from jobfile.checks.finding import finding, located
from jobfile.checks.shells import carried_names, script_of
from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix
from jobfile.expressions.expression import Kind, Problem, Scope, Type
from jobfile.expressions.template import (
    as_literal,
    check_slot,
    check_text_type,
    constant_text,
    find_slots,
    has_template,
    parse_expression,
    why_no_expression,
)
from jobfile.files.fileset import JobText, Payload, StepText
from jobfile.files.merged_settings import Setting, any_text
from jobfile.shell.arguments import argument_problems
from jobfile.shell.evaluated import FIXED_VALUES, evaluated_by
from jobfile.shell.payload import compiled_script
from jobfile.shell.script import compile_script

_WITH_TEMPLATES = ("run", "command", "http", "working_dir", "concurrency", "idempotency_key")


def check_payloads(payload: Payload) -> Iterator[Diagnostic]:
    """JF401-JF427: every template, in each field that can have one."""
    settings = payload.settings
    values = [settings[key].value for key in _WITH_TEMPLATES if key in settings]
    values += [one.value for one in payload.env.values()]
    if "run" in settings:
        yield from _check_script(payload, settings["run"])
    if (
        not isinstance(payload.settings["shell"].value if "shell" in settings else "", str)
        or "command" in settings
    ):
        yield from _check_known_shell(payload)
    if not any_text(values, has_template):
        return
    scope = payload.scope
    if "command" in settings:
        yield from _check_arguments(settings["command"], scope)
    if "http" in settings:
        yield from check_request(settings["http"], scope)
    yield from _check_env(payload)
    folder = settings.get("working_dir")
    if folder is not None and _is_own(payload, folder):
        yield from check_text(folder, scope)
    if isinstance(payload, JobText):
        yield from _check_keys(payload)


def _check_arguments(command: Setting, scope: Scope, *, takes_env: bool = True) -> Iterator[Diagnostic]:
    items = list(command.parts())
    for item in items:
        yield from check_text(item, scope, is_argument=True)
    texts = [item.text for item in items]
    for index, problem in argument_problems(texts, scope, takes_env=takes_env):
        yield located(items[index], problem)


def _check_env(payload: Payload) -> Iterator[Diagnostic]:
    for setting in payload.env.values():
        if _is_own(payload, setting):
            yield from check_text(setting, payload.scope, allow_secrets=True)
            yield from _check_evaluated(setting, payload.scope)


def _check_evaluated(setting: Setting, scope: Scope) -> Iterator[Diagnostic]:
    """JF439: only the author decides the value of a variable that a program evaluates."""
    name = str(setting.path[-1])
    reason = evaluated_by(name) if has_template(setting.text) else ""
    for slot in find_slots(setting.text)[0] if reason else ():
        found, problems = check_slot(slot, scope, allow_secrets=True)
        if not problems and not found.cannot_be_code:
            problem = Problem(
                code="JF439",
                message=f"the value goes into `{name}`: {reason}",
                start=slot.start,
                end=slot.end,
                label="this value decides what runs",
                help=(FIXED_VALUES[0], f"or {FIXED_VALUES[1]}"),
            )
            yield located(setting, problem)


def _is_own(payload: Payload, setting: Setting) -> bool:
    """Whether it is in the step itself; settings inherited from the job are checked there."""
    return isinstance(payload, JobText) or setting.is_below(payload.path)


def _check_keys(job: JobText) -> Iterator[Diagnostic]:
    concurrency = job.settings.get("concurrency")
    key = concurrency.part("key") if concurrency is not None else None
    for setting in (key, job.settings.get("idempotency_key")):
        if setting is not None:
            yield from check_text(setting, job.key_scope)


def check_request(http: Setting, scope: Scope) -> Iterator[Diagnostic]:
    """The templates of a request."""
    for key in ("url", "body", "contains"):
        part = http.part(key)
        if part is not None:
            yield from check_text(part, scope, allow_secrets=True)
    headers, json = http.part("headers"), http.part("json")
    for header in () if headers is None else headers.parts():
        yield from check_text(header, scope, allow_secrets=True)
    for text in () if json is None else json.texts():
        yield from check_text(text, scope, allow_secrets=True, keeps_type=True)


def _check_script(payload: Payload, setting: Setting) -> Iterator[Diagnostic]:
    text, outside = setting.text, carried_names(payload)
    if not has_template(text) and not outside:
        return
    if payload.is_unsure("shell"):
        yield from _check_slots(setting, payload.scope)
        return
    written = payload.settings.get("shell")
    shell: Any = "sh" if written is None else written.value
    if isinstance(shell, list):
        slots = [slot for slot in find_slots(text)[0] if constant_text(slot) is None]
        if slots:
            braces = text[slots[0].start : slots[0].end]
            problem = Problem(
                code="JF422",
                message=f"template in a script for `{shell[0] if shell else ''}`",
                start=slots[0].start,
                end=slots[0].end,
                label="only sh and bash scripts take templates",
                help=(
                    f'pass the value as  env: {{X: "{{{{ {slots[0].source} }}}}"}}  and read X in the script',
                    f"or, for literal braces:  {as_literal(braces)}",
                ),
            )
            yield located(setting, problem)
        return
    _, _, problems = compiled_script(text, payload.scope, dialect=shell, outside=outside)
    for problem in problems:
        yield located(setting, problem)


def _check_slots(setting: Setting, scope: Scope) -> Iterator[Diagnostic]:
    """The expressions in a script whose shell is not known."""
    slots, problems = find_slots(setting.text)
    yield from (
        located(setting, one)
        for one in (*problems, *(more for slot in slots for more in check_slot(slot, scope)[1]))
    )


def _check_known_shell(payload: Payload) -> Iterator[Diagnostic]:
    """The values that reach a script of `shell: [bash, …]` or `[bash, -c, …]` through a variable."""
    read = script_of(payload)
    outside = carried_names(payload)
    if read is None or not any(name in read.setting.text for name in outside):
        return
    dialect: Any = read.dialect
    if not has_template(read.setting.text):
        _, problems = compile_script(read.setting.text, slots=(), kinds=(), dialect=dialect, outside=outside)
        yield from (located(read.setting, problem) for problem in problems)


def check_text(
    setting: Setting,
    scope: Scope,
    *,
    allow_secrets: bool = False,
    is_argument: bool = False,
    keeps_type: bool = False,
) -> Iterator[Diagnostic]:
    """The templates of a text; an argument can be a list, and a JSON value anything but null."""
    value = setting.text
    if not has_template(value):
        return
    slots, problems = find_slots(value)
    for problem in problems:
        yield located(setting, problem)
    for slot in slots:
        is_whole = slot.start == 0 and slot.end == len(value)
        found, slot_problems = check_slot(slot, scope, allow_secrets=allow_secrets)
        takes_all = is_whole and ((is_argument and found.kind == "list") or keeps_type)
        if not slot_problems and (not takes_all or found.may_be_null):
            slot_problems = check_text_type(slot, found, is_whole=is_whole)
        for problem in slot_problems:
            yield located(setting, problem)


def check_condition(payload: Payload) -> Iterator[Diagnostic]:
    """JF401, JF402, JF405, JF406: `if` is a boolean expression."""
    setting = payload.settings.get("if")
    if setting is None:
        return
    found, problems = _expression(setting, payload.scope)
    yield from problems
    if not problems and found.kind not in (Kind.BOOLEAN, Kind.ANY):
        yield finding(
            setting,
            "JF406",
            f"`if` must be true or false, found {found.kind.words}",
            label=f"this is {found.kind.words}",
            help=("compare it with something:  x != ''",),
        )


def check_loop(payload: Payload) -> Iterator[Diagnostic]:
    """JF401, JF402, JF404, JF405: `for_each` is an expression whose value is a list."""
    setting = payload.settings.get("for_each")
    if setting is None or not isinstance(payload, StepText):
        return
    found, problems = _expression(setting, payload.loop_scope)
    yield from problems
    if not problems and found.kind not in (Kind.LIST, Kind.ANY):
        yield finding(
            setting,
            "JF404",
            f"`for_each` needs a list, found {found.kind.words}",
            label=f"this is {found.kind.words}",
            help=("split a text:  params.names | split(',')",),
        )


def _expression(setting: Setting, scope: Scope) -> tuple[Type, list[Diagnostic]]:
    """The type of an expression without braces, and its problems."""
    text = setting.text
    key = setting.path[-1]
    if has_template(text):
        return Type(Kind.ANY), [_with_braces(setting, text)]
    parsed = parse_expression(text)
    if parsed is None:
        message = f"`{key}` is not an expression: {why_no_expression(text)}"
        message = message.replace("not an expression: not an expression", "not an expression")
        return Type(Kind.ANY), [finding(setting, "JF401", message, label="cannot be read")]
    found, problems = check_slot(parsed, scope)
    return found, [located(setting, problem) for problem in problems]


def _with_braces(setting: Setting, text: str) -> Diagnostic:
    slots, _ = find_slots(text)
    is_whole = len(slots) == 1 and (slots[0].start, slots[0].end) == (0, len(text.strip()))
    bare = slots[0].source if is_whole else None
    span = setting.document.span(setting.path)
    fixes: tuple[Fix, ...] = ()
    if bare is not None:
        quoted = bare if _is_plain(bare) else "'" + bare.replace("'", "''") + "'"
        fixes = (Fix(title="remove the braces", edits=(Edit(span=span, text=quoted),)),)
    return Diagnostic(
        code="JF405",
        message=f"`{setting.path[-1]}` is already an expression: remove the braces",
        file=setting.document.source.name,
        span=span,
        label="no braces here",
        path=setting.path,
        help=(f"write  {setting.path[-1]}: {bare}",) if bare else ("write only the expression",),
        fixes=fixes,
    )


def _is_plain(text: str) -> bool:
    """Whether a text needs no quotes in YAML."""
    first = text[:1]
    return first.isalpha() and ": " not in text and " #" not in text and not text.endswith(":")


def check_channel_templates(scope: Scope, setting: Setting) -> Iterator[Diagnostic]:
    """The templates of a channel."""
    http, command = setting.part("http"), setting.part("command")
    if http is not None:
        yield from check_request(http, scope)
    if command is not None:
        yield from _check_arguments(command, scope, takes_env=False)
