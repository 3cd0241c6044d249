"""The answer of `status` as text."""

from collections.abc import Sequence
from datetime import UTC

from engine.answers.facts import Fact
from engine.answers.starts import folder_words
from engine.answers.status import LOW_DISK_BYTES, Status
from engine.answers.waiting import QueueState
from engine.core.columns import facts
from engine.core.reasons import IncidentKind
from engine.core.records import (
    Backlog,
    DeliveryError,
    Generation,
    GivenUp,
    Incident,
    Rejection,
    Watched,
)
from engine.core.vocabulary import instant_text, other_version, paused_though_enabled, seconds_text
from jobfile import __version__
from jobfile.model.counts import many
from jobfile.render.style import PLAIN, Style

MAX_ROWS = 3
"""Maximum number of unreadable rows that are named."""
MAX_LATE = 5
"""Maximum number of late jobs that are named."""
COMMIT_DIGITS = 12
"""Number of digits shown of a commit."""


def status_to_text(status: Status, *, width: int, style: Style = PLAIN) -> str:
    """The answer as text: a line for each label, with problems in capitals."""
    return facts(status_rows(status), width=width, style=style)


def status_rows(status: Status) -> list[Fact]:
    """The answer as labels and texts."""
    return [
        ("engine", _engine_line(status)),
        *_fleet_lines(status),
        *([("ledger", f"NOTHING STARTS: {status.trouble}")] if status.trouble else []),
        *([("STUCK", f"{status.stuck}; see engine.log")] if status.stuck else []),
        *([("bug", f"{status.bug}; see engine.log in the state folder")] if status.bug else []),
        *_unreadable_lines(status),
        *_version_lines(status),
        ("applied", _generation_line(status)),
        ("git", _git_line(status)) if status.source.ref else ("file", _file_line(status)),
        *(("", line) for line in (status.rejection.diagnostics if status.rejection else ())),
        *_folder_lines(status),
        *_pause_lines(status),
        *_incident_lines(status),
        ("runs", _runs_line(status)),
        *_late_lines(status),
        *(("queue", _queue_line(one)) for one in status.queues),
        ("disk", _disk_line(status)),
        *_notification_lines(status),
    ]


def _fleet_lines(status: Status) -> list[Fact]:
    """The lines about the hosts, if several share the ledger."""
    if status.fleet is None:
        return []
    from engine.answers.hosts import fleet_facts  # noqa: PLC0415  start-up time: only with a server

    return fleet_facts(status.fleet)


def _notification_lines(status: Status) -> list[Fact]:
    """The lines about notifications that were not delivered; none when all were."""
    lines = delivery_words(
        status.backlog, status.given_up, status.delivery_error, is_late=status.is_delivery_late
    )
    return [("" if index else "channels", line) for index, line in enumerate(lines)]


def delivery_words(
    backlog: Backlog, given_up: GivenUp, last: DeliveryError | None, *, is_late: bool
) -> list[str]:
    """Which notifications wait, and which were given up, each as a sentence."""
    lines = []
    why = f" (channel {last.channel}: {last.error})" if last is not None else ""
    if backlog.oldest is not None:
        since = instant_text(backlog.oldest, UTC)
        are = many(backlog.owed, "notification waits", "notifications wait")
        lines.append(f"{are}{' NOT DELIVERED' if is_late else ''}, the oldest since {since}{why}")
    if given_up.given_up:
        number = many(given_up.given_up, "notification was", "notifications were")
        lines.append(f"{number} GIVEN UP{'' if lines else why}: jobfile doctor")
    return lines


def _folder_lines(status: Status) -> list[Fact]:
    """The folders that are watched for files: how many, and what is wrong with them."""
    if not status.folders:
        return []
    troubled = [one for one in status.folders if one.trouble]
    polled = [one for one in status.folders if one.polled]
    lines = [f"{many(len(status.folders), 'folder')} watched: {', '.join(_places(status.folders))}"]
    lines += [f"scanned every few seconds: {one.polled}" for one in polled[:MAX_ROWS]]
    for one in troubled[:MAX_ROWS]:
        lines.append(f"NOTHING STARTS {', '.join(one.jobs)}: {folder_words(one)}")
    if len(troubled) > MAX_ROWS:
        more = many(len(troubled) - MAX_ROWS, "more folder", "more folders")
        lines.append(f"and {more} CANNOT BE READ")
    return [("files" if index == 0 else "", line) for index, line in enumerate(lines)]


def _places(folders: Sequence[Watched]) -> list[str]:
    shown = [f"{one.folder.rstrip('/')}/ for {', '.join(one.jobs)}" for one in folders[:MAX_ROWS]]
    return [*shown, "…"] if len(folders) > MAX_ROWS else shown


def _pause_lines(status: Status) -> list[Fact]:
    """Lines about paused jobs, in the zone of each."""
    lines = []
    for index, pause in enumerate(status.pauses):
        zone = status.zones[pause.job]
        until = f" until {instant_text(pause.until, zone)}" if pause.until else ""
        why = f": {pause.reason}" if pause.reason else ""
        text = f"{pause.job} by {pause.actor} since {instant_text(pause.paused_at, zone)}{until}{why}"
        lines.append(("paused" if index == 0 else "", text))
    if status.paused_though_enabled:
        lines.append(("", paused_though_enabled(status.paused_though_enabled)))
    return lines


def _incident_lines(status: Status) -> list[Fact]:
    lines = [_hold_line(hold) for hold in status.holds]
    away = next((one for one in status.incidents if one.occurrences), None)
    if away is not None and away.ended_at is not None:
        what = status.away_words if away.kind == IncidentKind.AWAY else "the clock was set forward"
        runs = many(away.occurrences, "run")
        span = f"{instant_text(away.began_at, UTC)} to {instant_text(away.ended_at, UTC)}"
        lines.append(("absence", f"{span}, {what}; {runs} fell due"))
    return lines


def _hold_line(hold: Incident) -> Fact:
    """The line about a hold: why nothing starts, and what to do."""
    match hold.kind:
        case IncidentKind.CLOCK_HOLD:
            return "clock", f"NOT BELIEVED: {hold.detail}: jobfile clock"
        case IncidentKind.RESTORED_HOLD:
            detail = f"{hold.detail}: put the newer one back, or  jobfile up --accept-rewind"
            return "ledger", f"RESTORED FROM AN OLDER COPY, starts are suspended: {detail}"
        case _:
            return "space", f"LOW DISK SPACE, starts are suspended: {hold.detail}"


def _engine_line(status: Status) -> str:
    session = status.session
    if session is None:
        return "not running, and never was" if not status.is_running else "starting"
    if not status.is_running:
        end = session.ended_at or session.last_seen_at
        how = "stopped" if session.ended_at else "was killed; last seen"
        return f"NOT RUNNING, {how} {instant_text(end, UTC)}: jobfile up"
    silent = seconds_text((status.now - session.last_seen_at).total_seconds())
    trouble = f", NO HEARTBEAT for {silent}" if status.is_silent else ""
    return f"running since {instant_text(session.started_at, UTC)} (process {session.pid}){trouble}"


def _unreadable_lines(status: Status) -> list[Fact]:
    """Lines about unreadable rows; a few are named."""
    found = status.unreadable
    if not found:
        return []
    rows = many(len(found), "row")
    first = f"{rows} of the ledger CANNOT BE READ, and the rest continues: jobfile doctor"
    return [("rows", first), *(("", one) for one in found[:MAX_ROWS])]


def _version_lines(status: Status) -> list[Fact]:
    version = status.session.version if status.session is not None and status.is_running else __version__
    return [] if version == __version__ else [("version", other_version(version, __version__))]


def _generation_line(status: Status) -> str:
    generation = status.generation
    if generation is None:
        return "nothing yet"
    commit = f", commit {generation.revision[:COMMIT_DIGITS]}" if generation.revision else ""
    jobs = many(status.jobs, "job")
    when = f"{instant_text(generation.applied_at, UTC)} by {generation.applied_by}"
    return f"generation {generation.number}, {jobs}, {when}{commit}"


def _git_line(status: Status) -> str:
    """Which ref the engine follows, its position, and the result of the last commit that it looked at."""
    source = status.source
    line = f"follows {source.ref}, at {source.commit[:COMMIT_DIGITS] or 'no commit yet'}"
    if source.trouble:
        line += f"; it CANNOT BE READ now: {source.trouble}"
    if status.rejection is not None:
        return f"{line}: {_rejected(status)}"
    if status.waits_for_apply:
        line += f"; it waits for  jobfile apply --git {source.ref}"
    return line


def _rejected(status: Status) -> str:
    assert status.rejection is not None
    return rejection_words(status.rejection, status.generation)


def rejection_words(rejection: Rejection, running: Generation | None) -> str:
    """Since when a file set is rejected, and what is in force instead."""
    on = f"generation {running.number} stays in force" if running else "nothing is in force"
    return f"REJECTED since {instant_text(rejection.rejected_at, UTC)}, {on}:"


def _file_line(status: Status) -> str:
    name = status.main_file
    if status.rejection is not None:
        return _rejected(status)
    if not status.has_main_file:
        return f"{name} does not exist: name the job file with -f, or make one with  jobfile init"
    if status.file_digest is None:
        return f"{name} has errors: jobfile check"
    if not status.differs:
        return f"{name} matches what is applied"
    return f"{name} differs from what is applied ({many(status.differing, 'job')}): jobfile plan"


def _runs_line(status: Status) -> str:
    waits = f" ({status.waits_for})" if status.waits_for else ""
    parts = [f"{status.running} running", f"{status.waiting} waiting{waits}"]
    if status.overdue:
        parts.append(f"{status.overdue:,} OVERDUE: they were due, and nothing has started them")
    line = ", ".join(parts)
    if status.unsettled:
        are = many(status.unsettled, "of the running has", "of the running have")
        line += f"; {are} ended, and no engine has recorded this yet: jobfile up"
    return line


def _late_lines(status: Status) -> list[Fact]:
    """Which jobs are late; a few are named."""
    lines = [(job, one.removeprefix("late: ")) for job, words in status.late.items() for one in words]
    shown = [f"{job}: {words}" for job, words in lines[:MAX_LATE]]
    more = len(lines) - MAX_LATE
    if more > 0:
        shown.append(f"and {more:,} more: jobfile list")
    return [("LATE" if index == 0 else "", line) for index, line in enumerate(shown)]


def _queue_line(one: QueueState) -> str:
    slots = many(one.slots, "slot is", "slots are")
    return f"{one.queue}: {one.held:,} of {slots} taken, {one.waiting:,} waiting"


def _disk_line(status: Status) -> str:
    free = f"{status.free_bytes / 1e9:.1f} GB free"
    return f"LOW, {free}" if status.free_bytes < LOW_DISK_BYTES else free
