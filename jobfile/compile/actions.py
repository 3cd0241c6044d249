"""Compiles actions: scripts, commands, functions, requests, steps, and channels."""

from collections.abc import Mapping

from jobfile.actions.http import request_of
from jobfile.actions.registry import compiled_action, texts_in
from jobfile.compile.timing import DEFAULT_ZONE, calendar_of, duration_of, duration_or, schedule_of
from jobfile.files.digests import DigestText
from jobfile.files.fileset import FileSet, JobText, StepText
from jobfile.files.merged_settings import Setting, Settings, merged_by_name
from jobfile.model.containers import ContainerSpec, Pull, Runtime
from jobfile.model.jobs import (
    DEFAULT_MAX_PARALLEL,
    Action,
    Backoff,
    ChannelSpec,
    DigestSpec,
    EnvFile,
    Jitter,
    QuietSpec,
    RetrySpec,
    StepsAction,
    StepSpec,
)


def action_of(job: JobText) -> Action:
    """The action of a checked job."""
    if "steps" in job.settings:
        return StepsAction(steps=tuple(_step(step) for step in job.steps.values()))
    action: Action = compiled_action(job)
    return action


def _step(step: StepText) -> StepSpec:
    settings = step.settings
    condition, loop = settings.get("if"), settings.get("for_each")
    description, folder = settings.get("description"), settings.get("working_dir")
    return StepSpec(
        name=step.name,
        action=compiled_action(step),
        description="" if description is None else description.text,
        needs=step.needs,
        condition=None if condition is None else condition.text,
        for_each=None if loop is None else loop.text,
        max_parallel=settings["max_parallel"].value if "max_parallel" in settings else DEFAULT_MAX_PARALLEL,
        working_dir=None if folder is None else folder.text,
        container=container_of(settings.get("container")),
        env=named_texts(step.env),
        env_file=env_files_of(settings.get("env_file")),
        secrets=named_texts(step.secrets),
        timeout=duration_of(settings.get("timeout")),
        retry=retry_of(settings.get("retry")),
        outputs=step.outputs,
        allow_failure=settings["allow_failure"].value if "allow_failure" in settings else False,
        skip_exit=texts_of(settings.get("skip_exit")),
    )


def container_of(setting: Setting | None) -> ContainerSpec | None:
    """The container of a job or step; None if it runs in none."""
    if setting is None:
        return None
    given, image = setting.value, setting.part("image")
    assert image is not None, "a container was checked"
    built_in = ContainerSpec(image=image.text)
    return ContainerSpec(
        image=image.text,
        runtime=Runtime(given.get("runtime", built_in.runtime)),
        pull=Pull(given.get("pull", built_in.pull)),
        network=given.get("network"),
        mounts=texts_of(setting.part("mounts")),
        args=texts_of(setting.part("args")),
    )


def env_files_of(setting: Setting | None) -> tuple[EnvFile, ...]:
    """The files of variables, in order."""
    found = []
    for one in () if setting is None else setting.entries():
        is_map = isinstance(one.value, Mapping)
        path = one.part("path") if is_map else one
        assert path is not None, "the shape was checked"
        found.append(EnvFile(path=path.text, secret=(is_map and one.value.get("secret")) or None))
    return tuple(found)


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
        delay=duration_or(setting.part("delay"), built_in.delay),
        backoff=Backoff(setting.value.get("backoff", built_in.backoff)),
        max_delay=duration_or(setting.part("max_delay"), built_in.max_delay),
        jitter=Jitter(setting.value.get("jitter", built_in.jitter)),
        when=built_in.when if when is None else texts_of(when),
    )


def channel_of(files: FileSet, name: str) -> ChannelSpec:
    """A channel of the main file."""
    setting = files.section("channels")[name]
    apprise, http, command = setting.part("apprise"), setting.part("http"), setting.part("command")
    secrets = merged_by_name([(setting.document, setting.path)], "secrets")
    return ChannelSpec(
        name=name,
        apprise=() if apprise is None else tuple(one.text for one in apprise.entries()),
        http=None if http is None else request_of(http, method="POST"),
        command=() if command is None else texts_of(command),
        secrets=named_texts(secrets),
        quiet=_quiet(files, setting.part("quiet")),
    )


def _quiet(files: FileSet, setting: Setting | None) -> QuietSpec | None:
    if setting is None:
        return None
    calendar, zone = setting.part("calendar"), setting.part("timezone")
    return QuietSpec(
        hours=setting.value.get("hours"),
        calendar=None if calendar is None else calendar_of(files, calendar.text),
        timezone=DEFAULT_ZONE if zone is None else zone.text,
        spared=tuple(sorted(set(texts_of(setting.part("except"))))),
        repeat=duration_of(setting.part("repeat")),
    )


def digest_of(digest: DigestText) -> DigestSpec:
    """The digest of a channel of the main file."""
    tags, owner = digest.here.part("tags"), digest.here.part("owner")
    return DigestSpec(
        schedule=schedule_of(digest),
        tags=tuple(sorted(set(texts_of(tags)))),
        owner="" if owner is None else owner.text,
    )


def texts_in_channel(channel: ChannelSpec) -> tuple[str, ...]:
    """The texts of a channel that may have templates."""
    return (*channel.command, *(() if channel.http is None else texts_in(channel.http)))


def texts_of(setting: Setting | None) -> tuple[str, ...]:
    """The items of a list as text."""
    return () if setting is None else tuple(one.text for one in setting.parts())


def named_texts(settings: Settings) -> dict[str, str]:
    """The values of a map as text."""
    return {name: one.text for name, one in settings.items()}
