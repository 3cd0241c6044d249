"""Answers of `status`: whether the engine works. It says nothing about single jobs."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from engine.answers.as_json import iso
from engine.answers.expected import INSTANT, item_of
from engine.answers.lateness import late_jobs
from engine.answers.overdue import count_overdue
from engine.answers.presence import HOLDS, Presence
from engine.answers.reasons import absence_words, item_words
from engine.answers.waiting import QueueState, queues_of
from engine.answers.zones import zone_of_job
from engine.config import MIN_FREE_MIB
from engine.core.lifecycle import Run, RunState
from engine.core.records import (
    CLOCK_HOLD,
    SILENT,
    Backlog,
    DeliveryError,
    Generation,
    GivenUp,
    Incident,
    Pause,
    Rejection,
    Session,
    Source,
    Watched,
)
from engine.ledger.ports import Current, View
from engine.transactions.pause import holding
from jobfile.model.catalog import Catalog
from jobfile.model.dataclass import dataclass

if TYPE_CHECKING:
    from engine.answers.hosts import Fleet

THE_FILES = Source()
NO_BACKLOG = Backlog(0, None)
NONE_GIVEN_UP = GivenUp(0, None)
NEWS_FOR = timedelta(days=1)
"""How long a notification that was given up counts as a problem of now."""
OWED_LONG = timedelta(minutes=10)
"""A notification older than this counts as not delivered, if a try has failed or no engine runs."""
HELD_LONG = timedelta(hours=2)
"""A notification older than this always does. The sender holds repetitions back for an hour."""
RECENT = 5
"""Maximum number of incidents shown."""

LOW_DISK_BYTES = MIN_FREE_MIB * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """The engine, the generation in force, and the problems."""

    is_running: bool
    session: Session | None
    generation: Generation | None
    rejection: Rejection | None
    jobs: int
    running: int
    waiting: int
    overdue: int
    """Number of runs that were due and that nothing has started."""
    unsettled: int
    """Number of running runs whose process is gone and whose end no engine has recorded."""
    file_digest: str | None
    differing: int
    free_bytes: int
    now: datetime
    zones: Mapping[str, ZoneInfo]
    """The zone of each paused job, in which its times are shown."""
    pauses: tuple[Pause, ...] = ()
    paused_though_enabled: int = 0
    incidents: tuple[Incident, ...] = ()
    waits_for: str = ""
    """Why the oldest waiting run waits."""
    queues: tuple[QueueState, ...] = ()
    """The queues in which runs wait."""
    away_words: str = ""
    """Why no engine decided anything during the newest absence."""
    holds: tuple[Incident, ...] = ()
    """Open holds, which prevent the engine from starting runs."""
    trouble: str = ""
    """A problem of the engine that could not be written to the ledger."""
    bug: str = ""
    """A bug in jobfile that a loop of the engine reports."""
    unreadable: tuple[str, ...] = ()
    """Rows of the ledger that cannot be read, in words."""
    stuck: str = ""
    """Which loops of the engine are stuck, and since when."""
    late: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The jobs that are late, each with the words."""
    folders: tuple[Watched, ...] = ()
    """The folders that the running engine watches for files."""
    source: Source = THE_FILES
    """Where the running engine takes its jobs from."""
    main_file: str = ""
    has_main_file: bool = True
    backlog: Backlog = NO_BACKLOG
    fleet: "Fleet | None" = None
    """The hosts, if several share the ledger."""
    given_up: GivenUp = NONE_GIVEN_UP
    """Notifications that could not be delivered for too long."""
    delivery_error: DeliveryError | None = None
    """Why the last try to reach a channel failed."""

    @property
    def is_mute(self) -> bool:
        """Whether notifications do not arrive: some wait for long, or were given up."""
        newest = self.given_up.newest
        is_new = newest is not None and self.now - newest < NEWS_FOR
        return is_new or self.is_delivery_late

    @property
    def is_delivery_late(self) -> bool:
        """Whether a notification waits for longer than the sender holds it back."""
        has_failed = self.delivery_error is not None or not self.is_running
        return is_late(self.backlog, self.now, has_failed=has_failed)

    @property
    def hold(self) -> Incident | None:
        """The open hold because of the clock, if there is one."""
        return next((one for one in self.holds if one.kind == CLOCK_HOLD), None)

    @property
    def is_silent(self) -> bool:
        """Whether an engine holds the lock but has no heartbeat."""
        session = self.session
        if self.hold is not None:
            return False  # without a believed clock it records no heartbeat
        return self.is_running and session is not None and self.now - session.last_seen_at > SILENT

    @property
    def differs(self) -> bool:
        """Whether the files differ from what is in force."""
        if self.file_digest is None:
            return False
        return self.generation is None or self.generation.digest != self.file_digest

    @property
    def waits_for_apply(self) -> bool:
        """Whether a commit that the engine follows waits for a user to apply it."""
        applied = self.generation.revision if self.generation is not None else ""
        is_news = bool(self.source.commit) and self.source.commit != applied
        return self.source.is_manual and is_news and self.rejection is None

    @property
    def is_well(self) -> bool:
        """Whether nothing here needs attention."""
        is_low = self.free_bytes < LOW_DISK_BYTES
        is_troubled = bool(
            self.rejection or self.holds or self.trouble or self.bug or self.stuck or self.unreadable
        ) or any(one.trouble for one in self.folders)
        is_short = self.fleet is not None and self.fleet.is_short
        is_bad = self.is_silent or is_troubled or is_low or self.overdue or self.is_mute or is_short
        return self.is_running and not is_bad


def is_late(backlog: Backlog, now: datetime, *, has_failed: bool) -> bool:
    """Whether the oldest undelivered notification waits for too long."""
    longest = OWED_LONG if has_failed else HELD_LONG
    return backlog.oldest is not None and now - backlog.oldest > longest


def make_status(
    view: View | None,
    *,
    presence: Presence,
    file: Catalog | None,
    free_bytes: int,
    now: datetime,
    trouble: str = "",
    bug: str = "",
    stuck: str = "",
    main_file: str = "",
    has_main_file: bool = True,
) -> Status:
    """Collect the status from the ledger, if one exists.

    `file` is the catalog of the files; None with errors.
    """
    open_runs = view.open_runs() if view is not None else ()
    incidents = view.recent_incidents(limit=RECENT) if view is not None else ()
    waiting = sum(1 for run in open_runs if run.state is RunState.QUEUED)
    pauses = holding(view, now) if view else ()
    enabled = {one.spec.name for one in file.jobs if one.spec.enabled} if file is not None else set()
    overdue = count_overdue(view, presence, now) if view else 0
    return Status(
        is_running=presence.is_running,
        session=view.last_session() if view else None,
        generation=view.current_generation() if view else None,
        rejection=view.open_rejection() if view else None,
        jobs=len(view.jobs_in_force()) if view else 0,
        running=len(open_runs) - waiting,
        waiting=waiting,
        overdue=overdue,
        unsettled=sum(1 for run in open_runs if run.id in presence.fates),
        file_digest=None if file is None else file.digest,
        differing=_differing(view, file) if view is not None and file is not None else 0,
        free_bytes=free_bytes,
        now=now,
        pauses=pauses,
        paused_though_enabled=sum(1 for pause in pauses if pause.job in enabled),
        incidents=incidents,
        away_words=_away_words(view, incidents) if view is not None else "",
        late=late_jobs(view, presence, now=now) if view is not None else {},
        waits_for=_waits_for(view, open_runs, presence, now) if view is not None else "",
        queues=queues_of(open_runs, now),
        holds=_holds(view) if view else (),
        trouble=trouble,
        bug=bug,
        unreadable=_unreadable(view) if view is not None else (),
        stuck=stuck,
        source=view.source() if view is not None and presence.is_running else THE_FILES,
        folders=tuple(view.watched()) if view is not None and presence.is_running else (),
        main_file=main_file,
        has_main_file=has_main_file,
        backlog=view.soundness.backlog() if view is not None else NO_BACKLOG,
        given_up=view.soundness.given_up() if view is not None else NONE_GIVEN_UP,
        delivery_error=view.soundness.delivery_error() if view is not None else None,
        fleet=_fleet(view) if view is not None else None,
        zones={pause.job: zone_of_job(view, pause.job) for pause in pauses} if view is not None else {},
    )


def _fleet(view: View) -> "Fleet | None":
    if view.hosts is None:
        return None
    from engine.answers.hosts import make_fleet  # noqa: PLC0415  start-up time: only with a server
    from engine.answers.placing import shared_hosts  # noqa: PLC0415  as above

    hosts = shared_hosts(view)
    return None if hosts is None else make_fleet(view, hosts)


def _away_words(view: View, incidents: Sequence[Incident]) -> str:
    away = next((one for one in incidents if one.occurrences and one.ended_at is not None), None)
    return "" if away is None else absence_words(view, away.began_at + INSTANT)


def _waits_for(view: View, open_runs: Sequence[Run], presence: Presence, now: datetime) -> str:
    """What the longest waiting run waits for."""
    queued = [run for run in open_runs if run.state is RunState.QUEUED]
    return item_words(view, item_of(queued[0]), presence, zone=UTC, now=now) if queued else ""


def _unreadable(view: View) -> tuple[str, ...]:
    """Rows that the engine or this command could not read. Call it last: each reading may find more."""
    return tuple(dict.fromkeys((*view.set_aside(), *(found.words for found in view.unreadable))))


def _differing(view: Current, file: Catalog) -> int:
    """The number of jobs that differ between the files and the generation in force."""
    written = {(one.spec.name, one.digest) for one in file.jobs}
    applied = {(one.job, one.digest) for one in view.jobs_in_force()}
    return len({name for name, _ in written ^ applied})


def _holds(view: View) -> tuple[Incident, ...]:
    found = (view.soundness.hold(kind) for kind in HOLDS)
    return tuple(hold for hold in found if hold is not None)


def status_to_json(status: Status) -> dict[str, object]:
    """The answer as JSON data."""
    session = status.session
    return {
        "format": 1,
        "is_well": status.is_well,
        "engine": {
            "running": status.is_running,
            "pid": session.pid if session and status.is_running else None,
            "epoch": session.epoch if session else None,
            "started_at": session.started_at.isoformat() if session else None,
            "last_seen_at": session.last_seen_at.isoformat() if session else None,
        },
        "ledger": {"writable": not status.trouble, "detail": status.trouble or None},
        "bug": status.bug or None,
        "unreadable": list(status.unreadable),
        **_in_force(status),
        "paused": [
            {
                "job": pause.job,
                "by": pause.actor,
                "why": pause.reason or None,
                "since": pause.paused_at.isoformat(),
                "until": iso(pause.until),
            }
            for pause in status.pauses
        ],
        "clock": {
            "believed": status.hold is None,
            "detail": status.hold.detail or None if status.hold else None,
        },
        "hosts": _hosts_to_json(status.fleet) if status.fleet is not None else None,
        **_troubles(status),
        "running": status.running,
        "waiting": status.waiting,
        "waits_for": status.waits_for or None,
        "queues": [one._asdict() for one in status.queues],
        "overdue": status.overdue,
        "late": [{"job": job, "words": list(words)} for job, words in status.late.items()],
        "unsettled": status.unsettled,
        "free_bytes": status.free_bytes,
        "notifications": {
            "waiting": status.backlog.owed,
            "oldest": iso(status.backlog.oldest),
            "given_up": status.given_up.given_up,
            "error": status.delivery_error.error if status.delivery_error else None,
        },
    }


def _hosts_to_json(fleet: "Fleet") -> dict[str, object]:
    from engine.answers.hosts import fleet_sums_to_json  # noqa: PLC0415  start-up time: only with a server

    return fleet_sums_to_json(fleet)


def _in_force(status: Status) -> dict[str, object]:
    """The part about what is in force, and the present state of its files or commits."""
    generation, rejection = status.generation, status.rejection
    return {
        "generation": generation.number if generation else None,
        "applied_at": generation.applied_at.isoformat() if generation else None,
        "commit": generation.revision or None if generation else None,
        "jobs": status.jobs,
        "git": {
            "ref": status.source.ref,
            "commit": status.source.commit or None,
            "waits_for_apply": status.waits_for_apply,
            "trouble": status.source.trouble or None,
        }
        if status.source.ref
        else None,
        "file": {
            "valid": status.rejection is None if status.source.ref else status.file_digest is not None,
            "differs": status.differs,
            "jobs": status.differing,
        },
        "rejected": {
            "since": rejection.rejected_at.isoformat(),
            "diagnostics": list(rejection.diagnostics),
        }
        if rejection
        else None,
    }


def _troubles(status: Status) -> dict[str, object]:
    """The part about holds, problems and incidents."""
    return {
        "stuck": status.stuck or None,
        "folders": [
            {
                "folder": one.folder,
                "jobs": list(one.jobs),
                "trouble": one.trouble or None,
                "since": iso(one.since),
                "polled": one.polled or None,
            }
            for one in status.folders
        ],
        "holds": [
            {"kind": one.kind, "since": one.began_at.isoformat(), "detail": one.detail or None}
            for one in status.holds
        ],
        "incidents": [
            {
                "kind": one.kind,
                "began_at": one.began_at.isoformat(),
                "ended_at": iso(one.ended_at),
                "detail": one.detail or None,
                "occurrences": one.occurrences,
                "jobs": one.jobs,
            }
            for one in status.incidents
        ],
    }
