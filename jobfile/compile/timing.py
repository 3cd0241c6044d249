"""Compiles schedule entries and triggers."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta

from jobfile.files.declarations import value_of
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.following import SEVERAL
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import (
    DEFAULT_SETTLE,
    AfterTrigger,
    AfterWhen,
    AtEntry,
    BootTrigger,
    BusinessDayEntry,
    CalendarSpec,
    CronEntry,
    DayRule,
    EveryEntry,
    FileTrigger,
    OnClosed,
    ScheduleEntry,
    Trigger,
)
from jobfile.model.values import Value
from jobfile.model.webhooks import Proof, WebhookTrigger
from jobfile.schedule.dates import parse_date, parse_moment
from jobfile.schedule.duration import parse_duration

DEFAULT_ZONE = "UTC"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def normal_cron(text: str) -> str:
    """The text of a cron expression without extra spaces."""
    return " ".join(text.split())


def zone_of(job: JobText) -> str:
    """The zone of a job's times and dates: its own, or else the one shared by all entries of its schedule."""
    setting = job.settings.get("timezone")
    if setting is not None:
        return setting.text
    named = job.entry_zones
    return next(iter(named)) or DEFAULT_ZONE if len(named) == 1 else DEFAULT_ZONE


def own_zone(entry: Setting) -> Setting | None:
    """The zone given in the entry itself."""
    return entry.part("timezone") if isinstance(entry.value, Mapping) else None


def entries_of(job: JobText) -> Iterator[Setting]:
    """The entries of a job's schedule as written, from a single entry or a list."""
    setting = job.settings.get("schedule")
    if setting is not None:
        yield from setting.entries()


def entry_zone(job: JobText, entry: Setting) -> str:
    """The zone of one entry."""
    own = own_zone(entry)
    return zone_of(job) if own is None else own.text


def schedule_of(job: JobText) -> tuple[ScheduleEntry, ...]:
    """The entries of a checked job's schedule."""
    return tuple(entry_of(job, entry) for entry in entries_of(job))


def entry_of(job: JobText, entry: Setting) -> ScheduleEntry:
    """One entry with valid texts."""
    zone = entry_zone(job, entry)
    if not isinstance(entry.value, Mapping):
        return CronEntry(cron=normal_cron(entry.text), timezone=zone)
    first, last = day_of(entry, "from"), day_of(entry, "until")
    spread = duration_of(entry.part("spread"))
    given = arguments_of(entry)
    every, at, business_day = entry.part("every"), entry.part("at"), entry.part("business_day")
    if every is not None:
        period = parse_duration(every.text)
        assert period is not None
        return EveryEntry(
            every=period, timezone=zone, from_day=first, until_day=last, spread=spread, arguments=given
        )
    if at is not None:
        moments = tuple(sorted({_moment(one, zone) for one in at.entries()}))
        return AtEntry(
            at=moments, timezone=zone, from_day=first, until_day=last, spread=spread, arguments=given
        )
    calendar = entry.part("calendar")
    found = None if calendar is None else calendar_of(job.files, calendar.text)
    if business_day is not None:
        time = entry.part("time")
        assert time is not None
        assert found is not None
        return BusinessDayEntry(
            business_day=business_day.value,
            time=time.text,
            calendar=found,
            timezone=zone,
            from_day=first,
            until_day=last,
            spread=spread,
            arguments=given,
        )
    cron = entry.part("cron")
    assert cron is not None
    return CronEntry(
        cron=normal_cron(cron.text),
        timezone=zone,
        days=DayRule(entry.value.get("days", DayRule.CRON)),
        calendar=found,
        on_closed=OnClosed(entry.value.get("on_closed", OnClosed.SKIP)),
        from_day=first,
        until_day=last,
        spread=spread,
        arguments=given,
    )


def arguments_of(entry: Setting) -> dict[str, Value]:
    """The values that an entry sets for params."""
    given = entry.part("with") if isinstance(entry.value, Mapping) else None
    return {} if given is None else {name: value_of(value) for name, value in given.value.items()}


def day_of(entry: Setting, key: str) -> date | None:
    """A date of an entry; None if it is missing or invalid."""
    setting = entry.part(key)
    return None if setting is None else parse_date(setting.text)


def duration_of(setting: Setting | None) -> timedelta | None:
    """A duration; None if it is missing or the word `none`."""
    return None if setting is None else parse_duration(setting.text)


def duration_or(setting: Setting | None, otherwise: timedelta) -> timedelta:
    """A duration, or the default if none is written."""
    found = duration_of(setting)
    return otherwise if found is None else found


def _moment(setting: Setting, zone: str) -> datetime:
    found = parse_moment(setting.text, zone)
    assert isinstance(found, datetime), "checked"
    return found


def calendar_of(files: FileSet, name: str) -> CalendarSpec:
    """A calendar of the main file."""
    setting = files.section("calendars")[name]
    return CalendarSpec(
        name=name,
        weekdays=tuple(sorted({WEEKDAYS.index(day) for day in setting.value["weekdays"]})),
        closed=_days(setting.part("except")),
        also=_days(setting.part("also")),
    )


def _days(setting: Setting | None) -> tuple[date, ...]:
    found = () if setting is None else (parse_date(one.text) for one in setting.parts())
    return tuple(sorted({day for day in found if day is not None}))


def triggers_of(job: JobText) -> tuple[Trigger, ...]:
    """The triggers of a checked job."""
    return tuple(_trigger(setting) for setting in job.triggers)


def _trigger(setting: Setting) -> Trigger:
    if setting.part("boot") is not None:
        return BootTrigger()
    webhook, file, after = setting.part("webhook"), setting.part("file"), setting.part("after")
    if webhook is not None:
        return _webhook(webhook)
    if file is not None:
        match, settle = file.part("match"), duration_of(file.part("settle"))
        return FileTrigger(
            folder=file.value["path"],
            match="*" if match is None else match.text,
            events=tuple(sorted(set(file.value.get("events", ("closed", "moved"))))),
            settle=DEFAULT_SETTLE if settle is None else settle,
            recursive=file.value.get("recursive", False),
        )
    assert after is not None
    if not isinstance(after.value, Mapping):
        return AfterTrigger(job=after.text)
    several = {key: after.part(key) for key in SEVERAL}
    return AfterTrigger(
        job=after.value.get("job"),
        **{key: _job_names(one) for key, one in several.items() if one is not None},
        when=AfterWhen(after.value.get("when", AfterWhen.SUCCEEDED)),
    )


def _webhook(setting: Setting) -> WebhookTrigger:
    params, key = setting.part("params"), setting.part("key")
    verify = Proof(setting.value.get("verify", Proof.STANDARD))
    nothing: dict[str, str] | None = {} if verify.is_of_a_service else None
    return WebhookTrigger(
        webhook=setting.value["path"].rstrip("/"),
        secret=setting.value.get("secret"),
        verify=verify,
        params=nothing if params is None else {str(one.path[-1]): one.text for one in params.parts()},
        key=None if key is None else key.text,
    )


def _job_names(setting: Setting) -> tuple[str, ...]:
    return tuple(sorted({one.text for one in setting.parts()}))
