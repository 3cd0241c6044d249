"""Checked files -> complete jobs. The only place that fills in built-in defaults."""

from collections.abc import Iterable, Mapping
from typing import Any, Final  # values of a document are not typed yet

from jobfile.actions.registry import texts_in
from jobfile.compile.actions import (
    action_of,
    channel_of,
    container_of,
    digest_of,
    env_files_of,
    named_texts,
    retry_of,
    texts_in_channel,
    texts_of,
)
from jobfile.compile.expecting import expect_of
from jobfile.compile.timing import duration_of, duration_or, schedule_of, triggers_of, zone_of
from jobfile.files.digests import digests_of
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Setting, Settings
from jobfile.model.catalog import CompiledJob
from jobfile.model.jobs import (
    DEFAULT_KILL_GRACE,
    DEFAULT_TIMEOUT,
    CatchupMode,
    CatchupSpec,
    ChannelSpec,
    ConcurrencySpec,
    DigestSpec,
    DiskPriority,
    JobSpec,
    LimitsSpec,
    Origin,
    OverlapPolicy,
    QueueSpec,
)
from jobfile.model.regex import regex
from jobfile.model.size import NO_LIMIT, format_size, parse_size
from jobfile.model.values import Value

__all__ = [
    "DEFAULT_QUEUE",
    "actions",
    "again",
    "compile_channels",
    "compile_digests",
    "compile_jobs",
    "timing",
]

_WORD: Final = regex("[a-z0-9_]+")
UMASK_DIGITS = 3
"""Digits of a umask; a leading zero has no meaning."""
DEFAULT_QUEUE = "default"
"""The queue that always exists; its size is an engine setting."""


def compile_jobs(files: FileSet) -> tuple[CompiledJob, ...]:
    """The jobs of files without errors; it asserts and never reports."""
    return tuple(_compile_job(job) for job in files.jobs.values())


def compile_channels(files: FileSet) -> dict[str, tuple[ChannelSpec, dict[str, Value]]]:
    """The channels of files without errors, each with the constants that it reads."""
    found = {name: channel_of(files, name) for name in files.section("channels")}
    return {name: (one, _vars_used(files.vars, texts_in_channel(one))) for name, one in found.items()}


def compile_digests(files: FileSet) -> dict[str, DigestSpec]:
    """The digests of files without errors, by their channels."""
    return {digest.name: digest_of(digest) for digest in digests_of(files)}


def _compile_job(job: JobText) -> CompiledJob:
    settings = job.settings
    action = action_of(job)
    env = named_texts(job.env)
    concurrency = _concurrency(settings.get("concurrency"))
    condition, key, folder = (_text(settings, name) for name in ("if", "idempotency_key", "working_dir"))
    braced = f"{{{{ {condition} }}}}" if condition else ""
    notify = _notify(job)
    told = [text for found in notify.values() for one in found for text in texts_in_channel(one)]
    texts = (*texts_in(action), *env.values(), concurrency.key or "", key, folder, braced, *told)
    spec = JobSpec(
        name=job.name,
        action=action,
        title=_text(settings, "title"),
        description=_text(settings, "description"),
        owner=_text(settings, "owner"),
        tags=tuple(sorted(set(texts_of(settings.get("tags"))))),
        enabled=_value(settings, "enabled", otherwise=True),
        timezone=zone_of(job),
        schedule=schedule_of(job),
        params=job.params,
        vars=_vars_used(job.files.vars, texts),
        env=env,
        env_file=env_files_of(settings.get("env_file")),
        secrets=named_texts(job.secrets),
        timeout=duration_of(settings["timeout"]) if "timeout" in settings else DEFAULT_TIMEOUT,
        kill_grace=duration_or(settings.get("kill_grace"), DEFAULT_KILL_GRACE),
        retry=retry_of(settings.get("retry")),
        concurrency=concurrency,
        catchup=_catchup(settings.get("catchup")),
        idempotent=_value(settings, "idempotent", otherwise=False),
        triggers=triggers_of(job),
        expect=expect_of(job),
        matrix=job.matrix,
        condition=condition or None,
        working_dir=folder or None,
        pass_env=texts_of(settings.get("pass_env")),
        umask=_text(settings, "umask")[-UMASK_DIGITS:] or None,
        new_privileges=_value(settings, "new_privileges", otherwise=False) or None,
        container=container_of(settings.get("container")),
        user=_text(settings, "user") or None,
        nice=_value(settings, "nice", otherwise=None),
        io=DiskPriority(settings["io"].text) if "io" in settings else None,
        runs_on=_labels(settings.get("runs_on")),
        limits=_limits(settings.get("limits")),
        start_deadline=duration_of(settings.get("start_deadline")),
        deadline=duration_of(settings.get("deadline")),
        pause_on_failure=_value(settings, "pause_on_failure", otherwise=None),
        queue=_queue(job),
        priority=_value(settings, "priority", otherwise=0),
        idempotency_key=key or None,
        skip_exit=texts_of(settings.get("skip_exit")),
        outputs=job.outputs,
        artifacts=texts_of(settings.get("artifacts")),
        notify=notify,
        ping=_text(settings, "ping"),
        renamed_from=_text(settings, "renamed_from") or None,
    )
    origin = Origin(file=job.document.source.name, line=job.document.line(job.path))
    return CompiledJob(spec=spec, origin=origin)


def _text(settings: Settings, key: str) -> str:
    return settings[key].text if key in settings else ""


def _value(settings: Settings, key: str, *, otherwise: object) -> Any:  # noqa: ANN401  shape was checked
    return settings[key].value if key in settings else otherwise


def _vars_used(variables: Mapping[str, Value], texts: Iterable[str]) -> dict[str, Value]:
    """The constants that a job reads: a change of another constant does not change the job."""
    read = {word for text in texts if "vars" in text for word in _WORD.findall(text)}
    return {name: variables[name] for name in sorted(read & variables.keys())}


def _concurrency(setting: Setting | None) -> ConcurrencySpec:
    built_in = ConcurrencySpec()
    if setting is None:
        return built_in
    if not isinstance(setting.value, Mapping):
        return ConcurrencySpec(limit=setting.value)
    limit = setting.value.get("limit", built_in.limit)
    policy = setting.value.get("on_overlap")
    key = setting.part("key")
    return ConcurrencySpec(
        limit=None if limit == "none" else limit,
        key=None if key is None else key.text,
        on_overlap=OverlapPolicy(policy) if policy else None,
        max_waiting=setting.value.get("max_waiting", built_in.max_waiting),
    )


def _catchup(setting: Setting | None) -> CatchupSpec:
    built_in = CatchupSpec()
    if setting is None:
        return built_in
    if not isinstance(setting.value, Mapping):
        return CatchupSpec(mode=CatchupMode(setting.value))
    return CatchupSpec(
        mode=CatchupMode(setting.value.get("mode", built_in.mode)),
        window=duration_of(setting.part("window")),
        limit=setting.value.get("max", built_in.limit),
    )


def _labels(setting: Setting | None) -> tuple[str, ...]:
    return () if setting is None else tuple(sorted({one.text for one in setting.entries()}))


def _limits(setting: Setting | None) -> LimitsSpec:
    if setting is None:
        return LimitsSpec()
    return LimitsSpec(
        memory=_size(setting.part("memory")),
        cpu_seconds=setting.value.get("cpu_seconds"),
        open_files=setting.value.get("open_files"),
        file_size=_size(setting.part("file_size")),
        processes=setting.value.get("processes"),
        core=_size(setting.part("core")),
    )


def _size(setting: Setting | None) -> str | None:
    if setting is None or setting.text == NO_LIMIT:
        return None if setting is None else NO_LIMIT
    size = parse_size(setting.text)
    assert size is not None, "a size was checked"
    return format_size(size)


def _queue(job: JobText) -> QueueSpec | None:
    """The queue of a job; None for the queue that always exists, as its size is not in a file."""
    name = _text(job.settings, "queue")
    declared = job.files.section("queues").get(name)
    return None if declared is None else QueueSpec(name=name, slots=declared.value["slots"])


def _notify(job: JobText) -> dict[str, tuple[ChannelSpec, ...]]:
    setting = job.settings.get("notify")
    if setting is None:
        return {}
    return {
        str(event.path[-1]): tuple(channel_of(job.files, name) for name in dict.fromkeys(texts_of(event)))
        for event in setting.parts()
    }
