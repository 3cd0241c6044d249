"""Each event as a line of text, and as a JSON object."""

import json
from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import assert_never

from engine.core.access import NOBODY
from engine.core.events import (
    AttemptAdopted,
    AttemptStarted,
    BackfillEnded,
    ChannelDown,
    ChannelUp,
    ClockBelieved,
    ClockHeld,
    ClockJumped,
    ConfigAccepted,
    ConfigChanged,
    ConfigRejected,
    DiskHeld,
    DiskReleased,
    DoneByOthers,
    EngineStarted,
    EngineStopped,
    EngineWasAway,
    Event,
    FellDueUnseen,
    FilesWait,
    FolderPolled,
    FolderReadable,
    FolderUnreadable,
    GenerationApplied,
    HostCompared,
    HostStarted,
    HostStopped,
    JobLate,
    JobPaused,
    JobRenamed,
    LeadTaken,
    LedgerHeld,
    LedgerUnwritable,
    LedgerWritable,
    LoopFailed,
    NotificationGivenUp,
    NotRunTold,
    NotShown,
    OutputsDropped,
    OutputsUndeclared,
    RefUnread,
    RemovalsHeld,
    RowUnreadable,
    RunResolved,
    RunSettled,
    RunsPruned,
    RunWaits,
    ScheduleQuarantined,
    SkipsInARow,
    StepSettled,
)
from engine.core.lifecycle import Run, RunState
from engine.core.reasons import REASONS, Reason
from engine.core.step_states import StepRun
from engine.core.vocabulary import (
    SHORT_ID,
    changes_text,
    in_words,
    place_text,
    reason_words,
    seconds_text,
    short,
)
from engine.journal.incident_lines import (
    channel_text,
    incident_text,
    job_event_text,
    ledger_text,
    upkeep_text,
)
from jobfile.diagnostics.escapes import message
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style

_LATE_SECONDS = 2.0
_HASH_DIGITS = 16


AboutRun = (
    RunWaits | AttemptStarted | AttemptAdopted | RunSettled | RunResolved | OutputsUndeclared | StepSettled
)


AboutHosts = LeadTaken | HostStarted | HostStopped | HostCompared
AboutEngine = EngineStarted | EngineStopped | AboutHosts | LoopFailed | NotShown | DoneByOthers


def event_text(event: Event) -> str:
    """An event as a line of text: the run, the job, what happened."""
    if isinstance(event, AboutEngine):
        return _line("", "", _about_engine(event))
    match event:
        case GenerationApplied() | ConfigRejected() | ConfigChanged() | ConfigAccepted() | RefUnread():
            return _line("", "", _about_config(event))
        case EngineWasAway() | ClockJumped() | ClockHeld() | ClockBelieved() | RemovalsHeld() | JobRenamed():
            return _line("", "", incident_text(event))
        case (
            DiskHeld()
            | DiskReleased()
            | RunsPruned()
            | OutputsDropped()
            | FolderUnreadable()
            | FolderReadable()
            | FolderPolled()
        ):
            return _line("", "", upkeep_text(event))
        case (
            LedgerHeld()
            | LedgerUnwritable()
            | LedgerWritable()
            | ChannelDown()
            | ChannelUp()
            | NotificationGivenUp()
        ):
            return _line("", "", _about_parts(event))
        case (
            FellDueUnseen()
            | SkipsInARow()
            | JobPaused()
            | JobLate()
            | ScheduleQuarantined()
            | BackfillEnded()
            | FilesWait()
        ):
            return _line("", event.job, job_event_text(event))
        case RowUnreadable():
            said = f"{event.found.words}; it is ignored, and the rest continues: jobfile doctor"
            return _line(event.found.run, "", said)
        case NotRunTold():
            return _line("", event.job, _not_run(event))
        case (
            RunWaits()
            | AttemptStarted()
            | AttemptAdopted()
            | RunSettled()
            | RunResolved()
            | OutputsUndeclared()
            | StepSettled()
        ):
            return _line(event.run.id, event.run.job, _about_run(event))
        case _:
            assert_never(event)


def _about_parts(
    event: LedgerHeld | LedgerUnwritable | LedgerWritable | ChannelDown | ChannelUp | NotificationGivenUp,
) -> str:
    match event:
        case ChannelDown() | ChannelUp() | NotificationGivenUp():
            return channel_text(event)
        case _:
            return ledger_text(event)


def _line(run_id: str, job: str, text: str) -> str:
    return f"{short(run_id):{SHORT_ID}}  {job}{'  ' if job else ''}{text}"


def _about_run(event: AboutRun) -> str:
    match event:
        case RunWaits():
            return f"waits: {in_words(event.run)}"
        case AttemptStarted():
            return _started(event)
        case AttemptAdopted():
            return "still running, started by an earlier engine"
        case RunSettled():
            return _settled(event)
        case StepSettled():
            return _step_settled(event)
        case OutputsUndeclared():
            names = ", ".join(event.names)
            return f"attempt {event.number}: outputs that the job does not declare are ignored: {names}"
        case RunResolved():
            twice = "" if event.is_last else ". WARNING: a later attempt has run since"
            found = f"late evidence shows that attempt {event.number} {event.state.value}"
            return f"was recorded as lost; {found}{twice}"
        case _:
            assert_never(event)


def _about_hosts(event: AboutHosts) -> str:
    match event:
        case LeadTaken():
            return f"{event.host} leads, term {event.term}"
        case HostStarted():
            labels = f", labels {', '.join(event.labels)}" if event.labels else ""
            found = f"; {event.found} still running" if event.found else ""
            return f"host {event.host} takes work: {many(event.slots, 'slot', 'slots')}{labels}{found}"
        case HostStopped():
            left = f"; {event.running} still running, until their leases end" if event.running else ""
            return f"host {event.host} stopped{left}"
        case HostCompared():
            unknown = many(event.unknown, "attempt here", "attempts here")
            ended = f"; {many(event.ended, 'is', 'are')} ended, because it lacks their runs"
            return (
                f"host {event.host}: the ledger's new server did not know of {unknown}"
                f"{ended if event.ended else ''}"
            )
        case _:
            assert_never(event)


def _about_engine(event: AboutEngine) -> str:
    match event:
        case LeadTaken() | HostStarted() | HostStopped() | HostCompared():
            return _about_hosts(event)
        case EngineStarted():
            started = f"engine {event.epoch} runs {event.main_file}, state in {event.state_dir}"
            head = f"; audit: record {event.audit_record}, hash {event.audit_hash[:_HASH_DIGITS]}"
            return started + (head if event.audit_hash else "")
        case EngineStopped():
            left = f"; {event.running} still running" if event.running else ""
            return f"engine stopped{left}"
        case LoopFailed():
            return f"{event.loop}: {event.message}"
        case NotShown():
            lines = many(event.count, "line was", "lines were")
            return f"{lines} not shown, because the reader was too slow; see engine.log"
        case DoneByOthers():
            return _by_others(event)
        case _:
            assert_never(event)


def _about_config(
    event: GenerationApplied | ConfigRejected | ConfigChanged | ConfigAccepted | RefUnread,
) -> str:
    match event:
        case GenerationApplied():
            return f"generation {event.number} applied: {changes_text(event)}"
        case ConfigRejected():
            on = f"generation {event.running} stays in force" if event.running else "nothing is in force yet"
            return "\n".join((f"job files rejected, {on}:", *(f"  {line}" for line in event.diagnostics)))
        case ConfigChanged():
            return "the files differ from what is applied: jobfile plan, then jobfile apply"
        case ConfigAccepted():
            on = f"; generation {event.running} stays in force" if event.running else ""
            return f"the files are valid again{on}"
        case RefUnread():
            return f"{event.ref} cannot be read, the generation in force stays: {event.detail}"
        case _:
            assert_never(event)


_DONE = {
    "apply": "applied",
    "accept": "accepted",
    "retry": "requested again",
    "pause": "paused",
    "resume": "resumed",
    "cancel": "cancelled",
    "kill": "killed",
    "run": "requested",
}


def _by_others(event: DoneByOthers) -> str:
    is_run = event.action in ("cancel", "kill", "run", "retry")
    what = f"run {short(event.object)}" if is_run else event.object
    done = _DONE.get(event.action, event.action)
    detail = f": {event.detail}" if event.detail and event.action not in ("run", "retry") else ""
    if event.actor.startswith(NOBODY):  # what was refused to a stranger was done by nobody
        return f"{event.action}: {what}, {event.actor}{detail}"
    return f"{what} {done} by {event.actor}{detail}"


def event_json(event: Event, *, at: datetime) -> dict[str, object]:
    """An event as a JSON object: `at`, `event`, and the fields of the event."""
    plain = {name: _plain(getattr(event, name)) for name in event.__dataclass_fields__}
    return {"at": at.isoformat(), "event": type(event).__name__, **plain}


def _started(event: AttemptStarted) -> str:
    attempt = f", attempt {event.number}" if event.number > 1 else ""
    if event.step:
        return f"{place_text(event.step, event.item)} started{attempt}"
    is_first = event.number == 1
    late = (
        f", {seconds_text(event.late_seconds)} late"
        if is_first and event.late_seconds > _LATE_SECONDS
        else ""
    )
    return f"started{attempt}{late}"


def _settled(event: RunSettled) -> str:
    run = event.run
    took = f" after {seconds_text(event.seconds)}" if event.seconds is not None else ""
    if run.state is RunState.RETRY_WAIT and run.retry_at is not None and run.ended_at is not None:
        wait = seconds_text(max(0.0, (run.retry_at - run.ended_at).total_seconds()))
        return f"attempt {event.number} {in_words(run)}{took}, next attempt in {wait}"
    why = in_words(run)
    return f"{run.state.value}{took}{f': {why}' if why else ''}"


def _step_settled(event: StepSettled) -> str:
    one = event.step
    took = f" after {seconds_text(event.seconds)}" if event.seconds is not None else ""
    words = reason_words(one.reason, one.detail) if one.reason else one.detail
    why = f": {words}" if words else ""
    return f"{place_text(one.step, one.item)} {one.state.value}{took}{why}"


def _not_run(event: NotRunTold) -> str:
    many = f"{event.count} runs " if event.count > 1 else ""
    why = REASONS.get(event.reason, event.reason)
    by = f" (run {short(event.detail)})" if event.detail else ""
    if event.reason == Reason.PAUSED:
        by = f" by {event.detail}"
    return f"{many}{event.state.value}: {why}{by}"


def _plain(value: object) -> object:
    match value:
        case Run():
            # Enough to identify the run; the ledger has the rest.
            return {
                "id": value.id,
                "job": value.job,
                "state": value.state.value,
                "reason": value.reason or None,
                "detail": value.detail or None,
                "trigger": value.trigger.value,
                "scheduled_for": value.scheduled_for.isoformat(),
                "attempt": value.attempt,
                "exit_code": value.exit_code,
            }
        case datetime():
            return value.isoformat()
        case Enum():
            return value.value
        case StepRun():
            return {
                "step": value.step,
                "item": value.item or None,
                "state": value.state.value,
                "reason": value.reason or None,
                "detail": value.detail or None,
                "attempt": value.attempt,
            }
        case "":
            return None
        case tuple():
            return [_plain(item) for item in value]
        case _:
            return value


def for_programs(events: Sequence[Event], now: datetime) -> str:
    """Events as JSON lines."""
    return "".join(f"{json.dumps(event_json(event, at=now))}\n" for event in events)


def for_people(events: Sequence[Event], now: datetime, *, style: Style = PLAIN) -> str:
    """Events as lines of text, with the local time of this host."""
    at = f"{now.astimezone():%H:%M:%S %Z}"
    return "".join(f"{at}  {style.states(message(event_text(event)))}\n" for event in events)
