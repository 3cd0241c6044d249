"""Texts of events about the whole engine, its files and disk, or a job: one line for each."""

from typing import assert_never

from engine.core.events import (
    BackfillEnded,
    ChannelDown,
    ChannelUp,
    ClockBelieved,
    ClockHeld,
    ClockJumped,
    DiskHeld,
    DiskReleased,
    EngineWasAway,
    FellDueUnseen,
    FilesWait,
    FolderPolled,
    FolderReadable,
    FolderUnreadable,
    JobLate,
    JobPaused,
    JobRenamed,
    LedgerHeld,
    LedgerUnwritable,
    LedgerWritable,
    NotificationGivenUp,
    OutputsDropped,
    RemovalsHeld,
    RunsPruned,
    ScheduleQuarantined,
    SkipsInARow,
)
from engine.core.lateness import LATE_WORDS, LateKind
from engine.core.reasons import REASONS
from engine.core.vocabulary import backfill_words, seconds_text, short
from jobfile.model.counts import many

MAX_NAMES = 3
"""Maximum number of jobs that a line names."""


def incident_text(
    event: EngineWasAway | ClockJumped | ClockHeld | ClockBelieved | RemovalsHeld | JobRenamed,
) -> str:
    """One line about the engine, its clock or its files."""
    match event:
        case EngineWasAway():
            away = seconds_text((event.until - event.since).total_seconds())
            runs, jobs = many(event.occurrences, "run"), many(event.jobs, "job")
            why = REASONS.get(event.because, event.because)
            return f"{runs} of {jobs} fell due in the {away} since {event.since:%Y-%m-%d %H:%M:%SZ}: {why}"
        case ClockJumped():
            way = "forward" if event.seconds > 0 else "back"
            return f"the clock was set {way} by {seconds_text(abs(event.seconds))}"
        case ClockHeld():
            right = "If it is right:  jobfile clock accept"
            return f"CLOCK NOT BELIEVED, nothing new starts: {event.reason}. {right}"
        case ClockBelieved():
            return f"the clock is believed again: {event.by}"
        case RemovalsHeld():
            return (
                f"NOT APPLIED: the files would remove {event.removed} of {event.jobs} jobs at once. "
                "If this is intended:  jobfile apply --yes-remove-many, or wait 5 minutes"
            )
        case JobRenamed():
            if event.is_kept:
                return f"{event.old} is now {event.new}: history, coverage and pauses move with it"
            return f"{event.old} is now {event.new}, which has its own history; the old one is not used"
        case _:
            assert_never(event)


def ledger_text(event: LedgerHeld | LedgerUnwritable | LedgerWritable) -> str:
    """One line about the ledger."""
    match event:
        case LedgerHeld():
            return f"OLDER LEDGER, nothing starts: {event.detail}"
        case LedgerUnwritable():
            return f"NOTHING STARTS: {event.detail}; running jobs continue, and their ends are recorded later"
        case LedgerWritable():
            return f"the ledger is writable again after {seconds_text(event.seconds)}"
        case _:
            assert_never(event)


def upkeep_text(
    event: DiskHeld
    | DiskReleased
    | RunsPruned
    | OutputsDropped
    | FolderUnreadable
    | FolderReadable
    | FolderPolled,
) -> str:
    """One line about the disk and what was deleted from it, or about a watched folder."""
    match event:
        case FolderUnreadable() | FolderReadable() | FolderPolled():
            return _folder_text(event)
        case DiskHeld():
            return f"DISK NEARLY FULL, nothing new starts: {event.free_bytes // 2**20:,} MiB free"
        case DiskReleased():
            return f"the disk has enough space again: {event.free_bytes // 2**20:,} MiB free"
        case RunsPruned():
            return f"{many(event.count, 'run')} deleted by retention; the result of each is still known"
        case OutputsDropped():
            runs = "1 run" if event.count == 1 else f"the oldest {event.count} runs"
            freed = f"{event.bytes // 2**20:,} MiB"
            return f"the files of {runs} were deleted, {freed}: above the limit for all runs"
        case _:
            assert_never(event)


def channel_text(event: ChannelDown | ChannelUp | NotificationGivenUp) -> str:
    """One line about a channel."""
    match event:
        case ChannelDown():
            return f"NOT NOTIFIED, channel {event.channel}: {event.error}; it is retried"
        case ChannelUp():
            return f"channel {event.channel} works again"
        case NotificationGivenUp():
            given_up = many(event.count, "notification")
            return f"GIVEN UP: {given_up} for channel {event.channel}, after a day of tries: {event.error}"
        case _:
            assert_never(event)


def _folder_text(event: FolderUnreadable | FolderReadable | FolderPolled) -> str:
    """One line about a folder that is watched for files."""
    match event:
        case FolderUnreadable():
            return f"FILES MAY START NOTHING, {event.detail}: watched for {_few(event.jobs)}"
        case FolderReadable():
            after = seconds_text(event.seconds)
            return f"{event.folder} can be read again after {after}: watched for {_few(event.jobs)}"
        case FolderPolled():
            return f"{event.folder} is scanned every few seconds for {_few(event.jobs)}: {event.detail}"
        case _:
            assert_never(event)


def _few(names: tuple[str, ...]) -> str:
    more = len(names) - MAX_NAMES
    return ", ".join(names[:MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def job_event_text(
    event: FellDueUnseen
    | SkipsInARow
    | JobPaused
    | JobLate
    | ScheduleQuarantined
    | BackfillEnded
    | FilesWait,
) -> str:
    """One line about a job, without its name, which the caller puts before it."""
    match event:
        case FellDueUnseen():
            return f"{many(event.count, 'run')} fell due while no engine was awake"
        case JobLate():
            return f"LATE: {LATE_WORDS[LateKind(event.kind)]}"
        case SkipsInARow():
            by = f"blocked by run {short(event.detail)}"
            return f"SKIPPED {event.count} times in a row: {by}; is it stuck?"
        case JobPaused():
            return f"PAUSED: {event.reason}; continue with  jobfile resume {event.job}"
        case BackfillEnded():
            return f"backfill {event.id} is over: {backfill_words(event.because)}"
        case ScheduleQuarantined():
            return f"NOT SCHEDULED: {event.message}"
        case FilesWait():
            wait = many(event.count, "file waits", "files wait")
            return f"{wait} in {event.folder}: as many runs wait as `max_waiting` allows"
        case _:
            assert_never(event)
