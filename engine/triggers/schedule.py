"""Schedules: an occurrence is an instant that an entry names; core/due.py decides what happens to it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from engine.core.due import Due, Rules, due
from engine.core.lifecycle import Occurrence, Run, TriggerKind
from engine.core.records import ENGINE_DOWN, Schedule
from engine.ledger.store_ports import Accounting
from engine.triggers.kind import Found, NotMade
from jobfile.model.jobs import JobSpec, ScheduleEntry
from jobfile.schedule.occurrences import Fire, next_fire, previous_fire, spread_delay


class OnSchedule:
    """The trigger `schedule`.

    All entries of a job share one key: an instant that several name occurs once.
    """

    kinds: tuple[TriggerKind, ...] = (TriggerKind.SCHEDULE, TriggerKind.CATCHUP)
    key = "default"

    def rule(self, spec: JobSpec) -> tuple[ScheduleEntry, ...]:
        """The entries as compiled."""
        return spec.schedule

    def next_at(self, schedule: Schedule) -> datetime | None:
        """The first instant after the coverage. Raises NotAdvancingError."""
        fire = next_fire(schedule.entries, after=schedule.covered_until)
        return None if fire is None else fire.at

    def due(
        self,
        store: Accounting,
        schedule: Schedule,
        spec: JobSpec,
        *,
        now: datetime,
        absence: str = ENGINE_DOWN,
    ) -> Found:
        """Apply the job's catch-up policy to each instant."""
        since = schedule.covered_until
        rules = rules_of(spec, schedule.entries)
        pauses = store.pauses.between(schedule.job, since=since, until=now)
        return _found(
            due(rules, covered_until=since, now=now, pauses=pauses, absence=absence), schedule, rules
        )

    def environment(self, run: Run, spec: JobSpec, zone: ZoneInfo) -> Mapping[str, str]:
        """The interval of the run: the time since the occurrence before it, whenever it starts."""
        if not spec.schedule:
            return {}
        before = previous_fire(spec.schedule, before=run.scheduled_for)
        return {
            "JOBFILE_INTERVAL_START": before.at.astimezone(zone).isoformat() if before else "",
            "JOBFILE_INTERVAL_END": run.scheduled_for.astimezone(zone).isoformat(),
        }


def rules_of(spec: JobSpec, entries: Sequence[ScheduleEntry]) -> Rules:
    """The job's rules for the occurrences of its schedule."""
    has_spread = any(entry.spread for entry in entries)
    delays = tuple(spread_delay(entry.spread, spec.name) for entry in entries) if has_spread else ()
    deadline = spec.start_deadline
    return Rules(entries=entries, catchup=spec.catchup, delays=delays, start_deadline=deadline)


def _found(planned: Due, schedule: Schedule, rules: Rules) -> Found:
    ends = [one.fire.at for one in planned.to_run] + [one.last for one in planned.not_run]
    return Found(
        to_run=tuple(_occurrence(schedule, rules, one.fire, is_late=one.is_late) for one in planned.to_run),
        not_run=tuple(
            NotMade(one, tuple(_occurrence(schedule, rules, fire, is_late=True) for fire in one.fires))
            for one in planned.not_run
        ),
        unseen=planned.unseen,
        covered_until=max(ends, default=None),
    )


def _occurrence(schedule: Schedule, rules: Rules, fire: Fire, *, is_late: bool) -> Occurrence:
    deadline = rules.start_deadline
    return Occurrence(
        job=schedule.job,
        trigger=TriggerKind.CATCHUP if is_late else TriggerKind.SCHEDULE,
        schedule_key=schedule.schedule_key,
        scheduled_for=fire.at,
        clock_epoch=schedule.clock_epoch,
        arguments=schedule.entries[fire.entry].arguments,
        not_before=rules.not_before(fire),
        start_by=None if deadline is None else fire.at + deadline,
    )
