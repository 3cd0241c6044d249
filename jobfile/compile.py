"""A checked document -> complete jobs. The only place where built-in values fill what a file leaves out."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any  # values of a document are not typed yet

from jobfile.catalog import CompiledJob
from jobfile.document import Document
from jobfile.duration import parse_duration
from jobfile.model import (
    Action,
    Backoff,
    CatchupMode,
    CatchupSpec,
    CommandAction,
    ConcurrencySpec,
    CronEntry,
    DayRule,
    EveryEntry,
    Jitter,
    JobSpec,
    Origin,
    OverlapPolicy,
    ParamSpec,
    ParamType,
    RetrySpec,
    ScheduleEntry,
    ScriptAction,
    Value,
)
from jobfile.payload import SHELLS, compiled_script, scope_of
from jobfile.settings import Setting, Settings, named_settings, settings_of
from jobfile.template import has_template

DEFAULT_TIMEOUT = timedelta(hours=24)
DEFAULT_KILL_GRACE = timedelta(seconds=10)
DEFAULT_ZONE = "UTC"
DEFAULT_SHELL = "sh"


def compile_jobs(document: Document) -> tuple[CompiledJob, ...]:
    """The jobs of a document without errors; asserts, never reports."""
    return tuple(_compile_job(document, name) for name in document.tree.get("jobs") or {})


def _compile_job(document: Document, name: str) -> CompiledJob:
    settings = settings_of(document, name)
    zone = _text(document, settings, "timezone") or DEFAULT_ZONE
    variables = vars_of(document)
    params = params_of(document, name)
    env = {key: document.text(one.path) for key, one in named_settings(document, name, "env").items()}
    secrets = {key: document.text(one.path) for key, one in named_settings(document, name, "secrets").items()}
    action = _action(document, name, settings, params=params, variables=variables, secrets=secrets)
    concurrency = _concurrency(document, settings)
    texts = (*_payload_texts(action), *env.values(), concurrency.key or "")
    spec = JobSpec(
        name=name,
        action=action,
        description=_text(document, settings, "description"),
        owner=_text(document, settings, "owner"),
        tags=tuple(sorted(_texts(document, settings.get("tags")))),
        enabled=bool(settings["enabled"].value) if "enabled" in settings else True,
        timezone=zone,
        schedule=schedule_of(document, settings, zone),
        params=params,
        vars={key: value for key, value in variables.items() if _uses_var(texts, key)},
        env=env,
        secrets=secrets,
        timeout=_timeout(document, settings),
        kill_grace=_duration(document, settings.get("kill_grace")) or DEFAULT_KILL_GRACE,
        retry=_retry(document, settings),
        concurrency=concurrency,
        catchup=_catchup(document, settings),
        idempotent=bool(settings["idempotent"].value) if "idempotent" in settings else False,
    )
    line = document.key_span(("jobs", name)).start.line
    return CompiledJob(spec=spec, origin=Origin(file=document.source.name, line=line))


def vars_of(document: Document) -> dict[str, Value]:
    """The constants of a document."""
    return {name: _value(value) for name, value in (document.tree.get("vars") or {}).items()}


def params_of(document: Document, job: str) -> tuple[ParamSpec, ...]:
    """The declared inputs of a job."""
    declared = (document.tree["jobs"][job] or {}).get("params") or {}
    return tuple(param_of(name, fields or {}) for name, fields in declared.items())


def param_of(name: str, fields: Mapping[str, Any]) -> ParamSpec:
    """One declared input, from fields whose shape is right."""
    items = fields.get("items") or {}
    return ParamSpec(
        name=name,
        type=ParamType(fields["type"]),
        item_type=ParamType(items["type"]) if "type" in items else None,
        description=str(fields.get("description", "")),
        is_required="default" not in fields,
        default=_value(fields["default"]) if "default" in fields else None,
        enum=tuple(fields.get("enum", ())),
        pattern=fields.get("pattern"),
        min_length=fields.get("minLength"),
        max_length=fields.get("maxLength"),
        minimum=fields.get("minimum"),
        maximum=fields.get("maximum"),
        exclusive_minimum=fields.get("exclusiveMinimum"),
        exclusive_maximum=fields.get("exclusiveMaximum"),
        format=fields.get("format"),
        max_items=fields.get("maxItems"),
    )


def schedule_of(document: Document, settings: Settings, zone: str) -> tuple[ScheduleEntry, ...]:
    """The entries of a job's schedule; their cron texts and zones are checked elsewhere."""
    setting = settings.get("schedule")
    if setting is None:
        return ()
    if isinstance(setting.value, list):
        entries = [Setting(value, (*setting.path, i)) for i, value in enumerate(setting.value)]
    else:
        entries = [setting]
    return tuple(_entry(document, entry, zone) for entry in entries)


def _entry(document: Document, entry: Setting, zone: str) -> ScheduleEntry:
    if not isinstance(entry.value, Mapping):
        return CronEntry(cron=normal_cron(document.text(entry.path)), timezone=zone)
    own_zone = document.text((*entry.path, "timezone")) if entry.value.get("timezone") else zone
    arguments = {name: _value(value) for name, value in (entry.value.get("with") or {}).items()}
    if "every" in entry.value:
        every = parse_duration(document.text((*entry.path, "every")))
        assert every is not None
        return EveryEntry(every=every, timezone=own_zone, arguments=arguments)
    return CronEntry(
        cron=normal_cron(document.text((*entry.path, "cron"))),
        timezone=own_zone,
        days=DayRule(entry.value.get("days", DayRule.CRON)),
        arguments=arguments,
    )


def normal_cron(text: str) -> str:
    """The text of a cron expression without meaningless spaces."""
    return " ".join(text.split())


def _action(
    document: Document,
    name: str,
    settings: Settings,
    *,
    params: tuple[ParamSpec, ...],
    variables: Mapping[str, Value],
    secrets: Mapping[str, str],
) -> Action:
    if "command" in settings:
        return CommandAction(argv=_texts(document, settings["command"]))
    text = document.text(settings["run"].path)
    shell: Any = settings["shell"].value if "shell" in settings else DEFAULT_SHELL
    if isinstance(shell, list):
        return ScriptAction(text=text, compiled=text, values=(), shell=_texts(document, settings["shell"]))
    scope = scope_of(params, variables, secrets)
    script, sources, _ = compiled_script(text, scope, dialect=shell)
    assert script is not None, f"job {name} was checked"
    return ScriptAction(text=text, compiled=script, values=sources, shell=SHELLS[shell])


def _payload_texts(action: Action) -> tuple[str, ...]:
    match action:
        case CommandAction():
            return action.argv
        case ScriptAction():
            return (action.text,)


def _uses_var(texts: tuple[str, ...], name: str) -> bool:
    return any(has_template(text) and f"vars.{name}" in text for text in texts)


def _text(document: Document, settings: Settings, key: str) -> str:
    return document.text(settings[key].path) if key in settings else ""


def _texts(document: Document, setting: Setting | None) -> tuple[str, ...]:
    if setting is None:
        return ()
    return tuple(document.text((*setting.path, index)) for index in range(len(setting.value)))


def _duration(document: Document, setting: Setting | None) -> timedelta | None:
    return None if setting is None else parse_duration(document.text(setting.path))


def _timeout(document: Document, settings: Settings) -> timedelta | None:
    if "timeout" not in settings:
        return DEFAULT_TIMEOUT
    return _duration(document, settings["timeout"])  # the word `none` is no duration


def _field(setting: Setting, key: str) -> Setting | None:
    value = setting.value.get(key)
    return None if value is None else Setting(value, (*setting.path, key))


def _retry(document: Document, settings: Settings) -> RetrySpec:
    setting = settings.get("retry")
    built_in = RetrySpec()
    if setting is None:
        return built_in
    if not isinstance(setting.value, Mapping):
        return RetrySpec(attempts=setting.value)
    when = _field(setting, "when")
    return RetrySpec(
        attempts=setting.value.get("attempts", built_in.attempts),
        delay=_duration(document, _field(setting, "delay")) or built_in.delay,
        backoff=Backoff(setting.value.get("backoff", built_in.backoff)),
        max_delay=_duration(document, _field(setting, "max_delay")) or built_in.max_delay,
        jitter=Jitter(setting.value.get("jitter", built_in.jitter)),
        when=_texts(document, when) if when else built_in.when,
    )


def _concurrency(document: Document, settings: Settings) -> ConcurrencySpec:
    setting = settings.get("concurrency")
    built_in = ConcurrencySpec()
    if setting is None:
        return built_in
    if not isinstance(setting.value, Mapping):
        return ConcurrencySpec(limit=setting.value)
    limit = setting.value.get("limit", built_in.limit)
    policy = setting.value.get("on_overlap")
    key = _field(setting, "key")
    return ConcurrencySpec(
        limit=None if limit == "none" else limit,
        key=document.text(key.path) if key else None,
        on_overlap=OverlapPolicy(policy) if policy else None,
        max_waiting=setting.value.get("max_waiting", built_in.max_waiting),
    )


def _catchup(document: Document, settings: Settings) -> CatchupSpec:
    setting = settings.get("catchup")
    built_in = CatchupSpec()
    if setting is None:
        return built_in
    if not isinstance(setting.value, Mapping):
        return CatchupSpec(mode=CatchupMode(setting.value))
    return CatchupSpec(
        mode=CatchupMode(setting.value.get("mode", built_in.mode)),
        window=_duration(document, _field(setting, "window")),
        limit=setting.value.get("max", built_in.limit),
    )


def _value(value: Any) -> Value:  # noqa: ANN401  values of a document
    return tuple(value) if isinstance(value, list) else value
