"""Compiles actions: scripts, commands, functions, requests, steps, and channels."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any  # values of a document are not typed yet

from jobfile.compile.timing import duration_of
from jobfile.expressions.template import with_constants
from jobfile.files.fileset import FileSet, JobText, Payload, StepText
from jobfile.files.merged_settings import Setting, Settings, merged_by_name
from jobfile.model.jobs import (
    Action,
    Backoff,
    ChannelSpec,
    CommandAction,
    HttpAction,
    Jitter,
    PythonAction,
    RetrySpec,
    ScriptAction,
    SimpleAction,
    StepsAction,
    StepSpec,
)
from jobfile.shell.payload import SHELLS, compiled_script

DEFAULT_SHELL = "sh"
DEFAULT_MAX_PARALLEL = 4
SUCCESS = ((200, 299),)


def action_of(job: JobText) -> Action:
    """The action of a checked job."""
    if "steps" in job.settings:
        return StepsAction(steps=tuple(_step(step) for step in job.steps.values()))
    return simple_action(job)


def simple_action(payload: Payload) -> SimpleAction:
    """The action of a step, or of a job without steps."""
    settings = payload.settings
    if "command" in settings:
        return CommandAction(argv=texts_of(settings["command"]))
    if "python" in settings:
        module, _, function = settings["python"].text.partition(":")
        return PythonAction(module=module, function=function)
    if "http" in settings:
        return http_of(settings["http"])
    return _script(payload)


def _script(payload: Payload) -> ScriptAction:
    text = payload.settings["run"].text
    shell = payload.settings.get("shell")
    if shell is not None and isinstance(shell.value, list):
        return ScriptAction(text=text, compiled=with_constants(text), values=(), shell=texts_of(shell))
    dialect: Any = DEFAULT_SHELL if shell is None else shell.value
    script, sources, _ = compiled_script(text, payload.scope, dialect=dialect)
    assert script is not None, f"{payload.words} was checked"
    return ScriptAction(text=text, compiled=script, values=sources, shell=SHELLS[dialect])


def http_of(setting: Setting) -> HttpAction:
    """A request."""
    body, contains, json = setting.part("body"), setting.part("contains"), setting.part("json")
    url, headers, status = setting.part("url"), setting.part("headers"), setting.part("status")
    assert url is not None
    return HttpAction(
        url=url.text,
        method=setting.value.get("method", "GET"),
        headers={} if headers is None else {str(one.path[-1]): one.text for one in headers.parts()},
        body=None if body is None else body.text,
        json=None if json is None else json.value,
        status=SUCCESS if status is None else tuple(status_range(one.text) for one in status.parts()),
        contains=None if contains is None else contains.text,
    )


def status_range(text: str) -> tuple[int, int]:
    """`200` or `200..299` as the first and the last status."""
    first, _, last = text.partition("..")
    return int(first), int(last or first)


def _step(step: StepText) -> StepSpec:
    settings = step.settings
    condition, loop = settings.get("if"), settings.get("for_each")
    description, folder = settings.get("description"), settings.get("working_dir")
    return StepSpec(
        name=step.name,
        action=simple_action(step),
        description="" if description is None else description.text,
        needs=step.needs,
        condition=None if condition is None else condition.text,
        for_each=None if loop is None else loop.text,
        max_parallel=settings["max_parallel"].value if "max_parallel" in settings else DEFAULT_MAX_PARALLEL,
        working_dir=None if folder is None else folder.text,
        env=named_texts(step.env),
        secrets=named_texts(step.secrets),
        timeout=duration_of(settings.get("timeout")),
        retry=retry_of(settings.get("retry")),
        outputs=step.outputs,
        allow_failure=settings["allow_failure"].value if "allow_failure" in settings else False,
    )


def retry_of(setting: Setting | None) -> RetrySpec:
    """When a failed run or step is retried."""
    built_in = RetrySpec()
    if setting is None:
        return built_in
    if not isinstance(setting.value, Mapping):
        return RetrySpec(attempts=setting.value)
    when = setting.part("when")
    return RetrySpec(
        attempts=setting.value.get("attempts", built_in.attempts),
        delay=_or(duration_of(setting.part("delay")), built_in.delay),
        backoff=Backoff(setting.value.get("backoff", built_in.backoff)),
        max_delay=_or(duration_of(setting.part("max_delay")), built_in.max_delay),
        jitter=Jitter(setting.value.get("jitter", built_in.jitter)),
        when=built_in.when if when is None else texts_of(when),
    )


def _or(found: timedelta | None, otherwise: timedelta) -> timedelta:
    return otherwise if found is None else found


def channel_of(files: FileSet, name: str) -> ChannelSpec:
    """A channel of the main file."""
    setting = files.section("channels")[name]
    apprise, http, command = setting.part("apprise"), setting.part("http"), setting.part("command")
    secrets = merged_by_name([(setting.document, setting.path)], "secrets")
    return ChannelSpec(
        name=name,
        apprise=() if apprise is None else tuple(one.text for one in apprise.entries()),
        http=None if http is None else http_of(http),
        command=() if command is None else texts_of(command),
        secrets=named_texts(secrets),
    )


def texts_of(setting: Setting | None) -> tuple[str, ...]:
    """The items of a list as text."""
    return () if setting is None else tuple(one.text for one in setting.parts())


def named_texts(settings: Settings) -> dict[str, str]:
    """The values of a map as text."""
    return {name: one.text for name, one in settings.items()}


def texts_in(action: Action) -> Iterator[str]:
    """Every text of an action that can contain a template."""
    match action:
        case ScriptAction():
            yield action.text
        case CommandAction():
            yield from action.argv
        case HttpAction():
            yield from (action.url, *action.headers.values(), action.body or "", action.contains or "")
            yield from _strings(action.json)
        case StepsAction():
            for step in action.steps:
                yield from texts_in(step.action)
                yield from (*step.env.values(), step.working_dir or "")
                yield from (f"{{{{ {one} }}}}" for one in (step.condition, step.for_each) if one)
        case PythonAction():
            pass


def _strings(tree: object) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping):
        for part in tree.values():
            yield from _strings(part)
    elif isinstance(tree, (list, tuple)):
        for part in tree:
            yield from _strings(part)
