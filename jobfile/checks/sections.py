"""Rules about the sections beside the jobs: calendars, queues, channels, vars; and about unused names."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from jobfile.checks.fields import exclusive, literal_only, secrets_named
from jobfile.checks.finding import finding
from jobfile.checks.payloads import check_channel_templates
from jobfile.checks.references import no_such_secret
from jobfile.checks.schedules import calendar_days, not_a_date
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.suggest import suggest
from jobfile.files.digests import digests_of
from jobfile.files.fileset import FileSet
from jobfile.files.merged_settings import Setting, map_at, merged_by_name
from jobfile.model.regex import regex
from jobfile.schedule.dates import parse_date

_WORD = regex(r"[\w-]+")
CHANNEL_KINDS = ("apprise", "http", "command")
SYSTEM_CHANNELS = ("config", "engine")
"""The channels that the engine notifies itself: of rejected files, and of holds."""


def check_calendars(files: FileSet) -> Iterator[Diagnostic]:
    """JF308, JF312: a calendar has dates that exist and at least one open day."""
    for name, setting in files.section("calendars").items():
        for key in ("except", "also"):
            part = setting.part(key)
            for day in () if part is None else part.parts():
                if parse_date(day.text) is None:
                    yield not_a_date(day)
        if not list(calendar_days(setting)) and not setting.is_unsure():
            yield finding(
                setting.part("weekdays") or setting,
                "JF312",
                f"calendar `{name}` has no open day",
                label="a job with this calendar would never start",
                help=("add  weekdays: [mon, tue, wed, thu, fri]",),
                at_key=True,
            )


def check_channels(files: FileSet) -> Iterator[Diagnostic]:
    """JF102, JF104, JF109, JF210, JF401-JF423: a channel has one destination, and its names exist."""
    for name, setting in files.section("channels").items():
        kinds = [key for key in CHANNEL_KINDS if setting.part(key) is not None]
        if not kinds and not setting.is_unsure(*CHANNEL_KINDS):
            yield finding(
                setting,
                "JF102",
                f"channel `{name}` has no destination",
                label="needs one of `apprise`, `http`, `command`",
                help=('add  command: [notify-send, "{{ event.title }}"]',),
                at_key=True,
            )
        for other in kinds[1:]:
            yield from exclusive(setting, kinds[0], other)
        http = setting.part("http")
        if http is not None:
            yield from exclusive(http, "body", "json")
        secrets = merged_by_name([(setting.document, setting.path)], "secrets")
        yield from secrets_named(secrets)
        apprise = setting.part("apprise")
        for one in () if apprise is None else apprise.entries():
            if one.text not in secrets and not setting.is_unsure("secrets"):
                yield no_such_secret(one, list(secrets))
        yield from check_channel_templates(files.channel_scope(secrets), setting)


def check_vars(files: FileSet) -> Iterator[Diagnostic]:
    """JF113: a constant has no templates."""
    for value in Setting(map_at(files.main, ("vars",)), ("vars",), files.main).parts():
        for text in value.texts():
            yield from literal_only(text, "vars")


def check_unused(files: FileSet) -> Iterator[Diagnostic]:
    """JF602, JF603, JF604: an unused name is a typing mistake or a leftover."""
    if not files.is_whole:
        return
    yield from _unused_vars(files)
    used = _names_used(files)
    for section, code_word in (("calendars", "calendar"), ("queues", "queue"), ("channels", "channel")):
        for name, setting in files.section(section).items():
            if name in used[section] or (section == "channels" and name in SYSTEM_CHANNELS):
                continue
            yield finding(
                setting,
                "JF604",
                f"{code_word} `{name}` is never used",
                label="no job uses it",
                help=("remove it, or use it in a job",),
                at_key=True,
            )
    for job in files.jobs.values():
        for step in job.steps.values():
            yield from _unused_outputs(step.name, step.settings.get("outputs"))


def _unused_vars(files: FileSet) -> Iterator[Diagnostic]:
    declared = map_at(files.main, ("vars",))
    read = names_read("vars", (document.source.text for document in files.documents)) if declared else set()
    read = with_meant(read, declared)
    for name in declared:
        if name not in read:
            yield finding(
                Setting(None, ("vars", name), files.main),
                "JF603",
                f"var `{name}` is never used",
                label="nothing reads this",
                help=(f"use it:  {{{{ vars.{name} }}}}",),
                at_key=True,
            )


def _unused_outputs(step: str, outputs: Setting | None) -> Iterator[Diagnostic]:
    if outputs is None:
        return
    read = names_read(f"steps.{step}.outputs", [outputs.document.source.text])
    read = with_meant(read, outputs.value)
    for one in outputs.parts():
        if str(one.path[-1]) not in read:
            yield finding(
                one,
                "JF604",
                f"output `{one.path[-1]}` of step `{step}` is never used",
                label="no later step reads it",
                help=(f"use it:  {{{{ steps.{step}.outputs.{one.path[-1]} }}}}",),
                at_key=True,
            )


def with_meant(names: set[str], declared: Collection[str]) -> set[str]:
    """Names, and those that the unknown ones among them probably stand for."""
    return names | {near for name in names - set(declared) for near in suggest(name, declared)}


def names_read(head: str, texts: Iterable[str]) -> set[str]:
    """The names below a dotted head that occur in some texts."""
    dotted = r"\s*(?:\.\s*|\[\s*['\"])".join(map(re.escape, head.split(".")))
    pattern = re.compile(rf"\b{dotted}['\"\]]*\s*(?:\.\s*|\[\s*['\"])([A-Za-z_][A-Za-z0-9_]*)")
    return {found for text in texts for found in pattern.findall(text)}


def _calendars_of(schedule: Setting | None) -> Iterator[str]:
    for entry in () if schedule is None else schedule.entries():
        name = entry.part("calendar") if isinstance(entry.value, Mapping) else None
        if name is not None:
            yield name.text


def _names_used(files: FileSet) -> Mapping[str, set[str]]:
    """The calendars, queues and channels that jobs use, including disabled jobs."""
    used: dict[str, set[str]] = {"calendars": set(), "queues": set(), "channels": set()}
    for name in files.section("channels"):
        calendar = map_at(files.main, ("channels", name, "quiet")).get("calendar")
        used["calendars"] |= {calendar} if isinstance(calendar, str) else set()
    for digest in digests_of(files):
        used["channels"].add(digest.name)
        used["calendars"] |= set(_calendars_of(digest.settings.get("schedule")))
    for job in files.jobs.values():
        if "queue" in job.settings:
            used["queues"].add(job.settings["queue"].text)
        schedule, notify = job.settings.get("schedule"), job.settings.get("notify")
        used["calendars"] |= set(_calendars_of(schedule))
        for event in () if notify is None else notify.parts():
            used["channels"] |= {one.text for one in event.parts()}
    hidden = {word for one in files.documents for text in one.lost_texts(()) for word in _WORD.findall(text)}
    return {section: hidden | with_meant(names, files.section(section)) for section, names in used.items()}
