"""Loop: for each job in force with file triggers, find the files that have arrived, and record their events.

A report of the kernel says when to look; only a scan says what is there.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

from engine.core.arrivals import Observed, Rule, Scan, arrivals, counts, gone, observe
from engine.core.errors import JobfileError, PartialTurnError
from engine.core.events import (
    Event,
    FilesWait,
    FolderPolled,
    FolderReadable,
    FolderUnreadable,
    ScheduleQuarantined,
)
from engine.core.lifecycle import TriggerEvent, TriggerKind
from engine.core.records import WATCHED, Watched
from engine.ledger.store_ports import Requesting
from engine.ledger.watched_fact import watched_to_text
from engine.ports import Clock, Folders, Journal, WatchedFolder
from engine.transactions.account import Moment
from engine.transactions.trigger_events import has_room, record_event
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import FileTrigger, JobSpec
from jobfile.model.name_patterns import name_matcher

SCAN_SECONDS: Final = 60.0
"""Seconds between two scans of a folder without a report of a change: reports can get lost."""
POLL_SECONDS: Final = 10.0
"""Seconds between two scans of a folder of which the kernel does not report every change."""
TROUBLE_SECONDS: Final = 5.0
"""Seconds between two looks at a folder that cannot be read."""
PAUSE_SECONDS: Final = 0.2
"""Shortest time between two scans of a folder: many changes are one reason to look."""
CHECK_SECONDS: Final = 5.0
"""Seconds between two checks whether a folder was moved away or mounted over, which nothing reports."""
SHARE: Final = 10
"""After a scan, a folder is left alone for this many times the length of the scan."""
ANSWER_SECONDS: Final = 1.0
"""Seconds until the next look at a scan that has not ended; its end wakes the loop."""
SILENT_SECONDS: Final = 30.0
"""A folder whose scan has not ended after this many seconds is one that cannot be read."""
ROOM_SECONDS: Final = 2.0
"""Seconds until the next look at files that wait because too many runs do."""
HELD_SECONDS: Final = 15.0
"""Seconds until the next turn while nothing may be recorded."""
BATCH: Final = 32
"""Maximum number of events in one transaction, so that other loops get the ledger in between."""
EVENTS_A_LOOK: Final = 320
"""Maximum number of events of one scan, so that a full folder does not delay the others."""

Item = TypeVar("Item")


class _Follower:
    """A file trigger of a job."""

    def __init__(self, job: str, spec: JobSpec, trigger: FileTrigger) -> None:
        self.job = job
        self.spec = spec
        self.rule = Rule(name_matcher(trigger.match), trigger.events, trigger.settle.total_seconds())


class _Place:
    """A watched folder: its followers, what the last scan found there, and when to look again."""

    def __init__(self, watched: WatchedFolder) -> None:
        self.watched = watched
        self.followers: list[_Follower] = []
        self.observed: dict[str, Observed] = {}
        self.scan_at = 0.0
        self.not_before = 0.0
        self.began_at: float | None = None
        """When the scan began that has not ended yet."""
        self.trouble = ""
        self.since: datetime | None = None
        self.polled = ""

    @property
    def jobs(self) -> tuple[str, ...]:
        """Its jobs by name, each once."""
        return tuple(sorted({one.job for one in self.followers}))

    def wants(self, name: str) -> bool:
        """Whether a trigger may want a file with this name."""
        return any(one.rule.matches(name) for one in self.followers)

    def due_at(self) -> float:
        """When to look again."""
        return max(self.scan_at, self.not_before)


class Arrivals:
    """Keeps what it has seen in memory; which files were handled is in the ledger."""

    def __init__(
        self,
        *,
        store: Requesting,
        clock: Clock,
        journal: Journal,
        folders: Folders,
        folder_of: Callable[[FileTrigger], WatchedFolder],
        new_id: Callable[[], str],
        is_held: Callable[[], bool],
        on_recorded: Callable[[], None],
    ) -> None:
        """While `is_held`, nothing is recorded, and files wait in their folders.

        `on_recorded` is called when startable runs were recorded.
        """
        self._store = store
        self._clock = clock
        self._journal = journal
        self._folders = folders
        self._folder_of = folder_of
        self._new_id = new_id
        self._is_held = is_held
        self._on_recorded = on_recorded
        self._generation: int | None = None
        self._places: dict[WatchedFolder, _Place] = {}
        self._known: dict[str, dict[str, str]] = {}
        """The identities that the ledger has, by job, each with the mount of its file."""
        self._known_at: dict[str, float] = {}
        """When they were read: the worker forgets the event of a file that is gone when its run starts."""
        self._failing: set[tuple[str, str]] = set()
        """Events whose runs cannot be made, because a key of the job cannot be filled in."""
        self._told_waiting: dict[str, int] = {}
        self._noted = ""
        self._check_at = 0.0
        self._trouble: Exception | None = None

    def tick(self) -> float:
        """Look into the folders where it is time to; returns the seconds until the next look."""
        if self._is_held():
            return HELD_SECONDS
        self._follow_generation()
        now = self._clock.elapsed()
        for watched in self._folders.changed():
            if watched in self._places:
                self._places[watched].scan_at = now
        self._trouble = None
        if now >= self._check_at:
            self._check_at = now + CHECK_SECONDS
            self._check_folders(now)
        for place in self._places.values():
            if place.began_at is not None or place.due_at() <= self._clock.elapsed():
                self._look(place)
        self._note()
        if self._trouble is not None:
            raise PartialTurnError(f"{type(self._trouble).__name__}: {self._trouble}") from self._trouble
        return self._rest()

    def _check_folders(self, now: float) -> None:
        # A share is scanned often anyway, and a call about it may block.
        for watched, place in self._places.items():
            if not place.polled and self._folders.is_replaced(watched):
                place.scan_at = now

    def _rest(self) -> float:
        now = self._clock.elapsed()
        waits = [place.due_at() - now for place in self._places.values()]
        longest = CHECK_SECONDS if self._places else SCAN_SECONDS
        return min(longest, max(0.0, min(waits, default=longest)))

    def _follow_generation(self) -> None:
        """Follow the triggers of the jobs in force; a folder that stays is not forgotten."""
        generation = self._store.current_generation()
        number = 0 if generation is None else generation.number
        if number == self._generation:
            return
        before, self._places = self._places, {}
        for version in self._store.jobs_in_force():
            if self._store.definition_trouble(version.digest):
                continue
            spec = self._store.definition(version.digest)
            for trigger in spec.triggers if spec.enabled else ():
                if isinstance(trigger, FileTrigger):
                    self._add(spec, trigger, before)
        self._generation = number
        self._known, self._failing = {}, set()
        self._folders.follow(frozenset(self._places))

    def _add(self, spec: JobSpec, trigger: FileTrigger, before: Mapping[WatchedFolder, _Place]) -> None:
        watched = self._folder_of(trigger)
        try:
            follower = _Follower(spec.name, spec, trigger)
        except ValueError as error:  # only a job of another version: `check` refuses such a pattern
            self._journal.report(ScheduleQuarantined(job=spec.name, message=str(error)))
            return
        place = self._places.get(watched)
        if place is None:
            place = self._places[watched] = _Place(watched)
            if old := before.get(watched):
                place.observed, place.trouble, place.since = old.observed, old.trouble, old.since
                place.polled = old.polled
        place.followers.append(follower)

    def _look(self, place: _Place) -> None:
        """Scan a folder, and record what has arrived there."""
        now = self._clock.elapsed()
        began = place.began_at
        if began is None:
            began = place.began_at = now
            place.scan_at = now
        scan = self._folders.scan(place.watched, place.wants)
        if scan is None:
            place.not_before = self._clock.elapsed() + ANSWER_SECONDS
            if now - began >= SILENT_SECONDS:
                path = place.watched.path
                self._tell_trouble(
                    place, Scan(trouble=f"{path} has not been read in {SILENT_SECONDS:g} seconds")
                )
            return
        now = self._clock.elapsed()
        place.began_at = None
        place.not_before = now + min(SCAN_SECONDS, max(PAUSE_SECONDS, SHARE * (now - began)))
        place.scan_at = now + (POLL_SECONDS if scan.polled else SCAN_SECONDS)
        self._tell_trouble(place, scan)
        if scan.trouble:
            place.observed = {}
            place.scan_at = now + TROUBLE_SECONDS
            return
        # Between two scans, a file was unchanged at least from the end of one to the beginning of the other.
        place.observed = observe(scan.files, place.observed, now=now)
        for follower in place.followers:
            try:
                self._serve(place, follower, scan, now=began)
            except JobfileError:
                raise  # the ledger's trouble, not this job's
            except Exception as error:  # noqa: BLE001  raised at the end of the turn, when the others are served
                self._trouble = error
                self._known.pop(follower.job, None)

    def _serve(self, place: _Place, follower: _Follower, scan: Scan, *, now: float) -> None:
        known = self._identities(follower.job)
        traces = self._folders.traces(place.watched)
        found = arrivals(place.observed.values(), follower.rule, known=known, traces=traces, now=now)
        if found.look_at is not None:
            place.scan_at = min(place.scan_at, found.look_at)
        fresh = [one for one in found.events if (follower.job, one.identity) not in self._failing]
        waiting = self._record(follower, fresh[:EVENTS_A_LOOK], scan)
        if waiting or len(fresh) > EVENTS_A_LOOK:
            wait = ROOM_SECONDS if waiting else 0.0
            place.scan_at = min(place.scan_at, self._clock.elapsed() + wait)
        self._tell_waiting(place, follower, waiting + len(fresh[EVENTS_A_LOOK:]) if waiting else 0)
        self._settle_past(place, follower, found.passed_over, scan)

    def _identities(self, job: str) -> dict[str, str]:
        now = self._clock.elapsed()
        if now - self._known_at.get(job, -SCAN_SECONDS) >= SCAN_SECONDS or job not in self._known:
            self._known[job] = self._store.trigger_events.identities(job, TriggerKind.FILE)
            self._known_at[job] = now
        return self._known[job]

    def _record(self, follower: _Follower, files: Sequence[Observed], scan: Scan) -> int:
        """Record events in batches; return the number of files for which there was no room."""
        for batch in _batches(files):
            done = self._record_batch(follower, batch, scan)
            if done < len(batch):
                return len(files) - files.index(batch[done])
        return 0

    def _record_batch(self, follower: _Follower, batch: Sequence[Observed], scan: Scan) -> int:
        """Record a batch in one transaction, or if one breaks that, each in its own; how many were done."""
        try:
            return self._record_at_once(follower, batch, scan)
        except EvaluationError as error:
            if len(batch) == 1:
                self._leave_out(follower, batch[0], error)
                return 1
        done = 0
        for one in batch:
            if not self._record_batch(follower, [one], scan):
                break
            done += 1
        return done

    def _record_at_once(self, follower: _Follower, batch: Sequence[Observed], scan: Scan) -> int:
        reports: list[Event] = []
        done: list[tuple[Observed, TriggerEvent]] = []
        with self._store.transaction():
            for one in batch:
                now = self._clock.now()
                moment = Moment(now=now, generation=self._generation or 0, new_id=self._new_id)
                event = _event(follower.job, one, scan, now)
                if not has_room(self._store, event, moment):
                    break
                reports += record_event(self._store, event, moment)
                done.append((one, event))
        self._identities(follower.job).update({one.identity: event.mount for one, event in done})
        self._journal.report(*reports)
        if done:
            self._on_recorded()
        return len(done)

    def _leave_out(self, follower: _Follower, one: Observed, error: EvaluationError) -> None:
        """Leave a file for which no run can be made until the job is changed."""
        is_first = all(job != follower.job for job, _ in self._failing)
        self._failing.add((follower.job, one.identity))
        if is_first:
            message = f"no run was made for {one.file.path}: {error}"
            self._journal.report(ScheduleQuarantined(job=follower.job, message=message))

    def _settle_past(
        self, place: _Place, follower: _Follower, passed_over: Sequence[Observed], scan: Scan
    ) -> None:
        """Note the files that do not count, and forget the events of files that are gone."""
        known = self._identities(follower.job)
        watched, traces = place.watched, self._folders.traces(place.watched)
        others = [one.rule for one in place.followers if one.job == follower.job and one is not follower]
        passed_over = [one for one in passed_over if not any(counts(one, rule, traces) for rule in others)]
        lost = list(
            gone(
                known,
                place.observed.values(),
                scan,
                follower.rule,
                folder=watched.path,
                is_recursive=watched.is_recursive,
            )
        )
        now = self._clock.now()
        for some in _batches(passed_over):
            with self._store.transaction():
                for one in some:
                    event = _event(follower.job, one, scan, now)
                    self._store.trigger_events.add(event, run_id="", now=now)
        for batch in _batches(lost):
            with self._store.transaction():
                for identity in batch:
                    self._store.trigger_events.forget(follower.job, TriggerKind.FILE, identity)
        known.update({one.identity: scan.mounts.get(one.file.folder, "") for one in passed_over})
        for identity in lost:
            del known[identity]

    def _tell_waiting(self, place: _Place, follower: _Follower, count: int) -> None:
        """Report once that files of a job wait, until none does."""
        if count and not self._told_waiting.get(follower.job):
            self._journal.report(FilesWait(job=follower.job, folder=place.watched.path, count=count))
        self._told_waiting[follower.job] = count

    def _tell_trouble(self, place: _Place, scan: Scan) -> None:
        """Report once that a folder cannot be read, why it is polled, and that it can be read again."""
        path, jobs, trouble = place.watched.path, place.jobs, scan.trouble or scan.left_out
        if scan.polled and scan.polled != place.polled:
            self._journal.report(FolderPolled(folder=path, jobs=jobs, detail=scan.polled))
        if not scan.trouble:
            place.polled = scan.polled
        now = self._clock.now()
        if trouble and trouble != place.trouble:
            place.since = place.since or now
            self._journal.report(FolderUnreadable(folder=path, jobs=jobs, detail=trouble))
        elif place.trouble and not trouble:
            seconds = (now - place.since).total_seconds() if place.since else 0.0
            self._journal.report(FolderReadable(folder=path, jobs=jobs, seconds=seconds))
            place.since = None
        place.trouble = trouble

    def _note(self) -> None:
        """Note the watched folders in the ledger, for `status`, if something has changed."""
        text = watched_to_text(tuple(self._watched()))
        if text != self._noted:
            with self._store.transaction():
                self._store.past.note(WATCHED, text)
            self._noted = text

    def _watched(self) -> Iterator[Watched]:
        for place in self._places.values():
            yield Watched(place.watched.path, place.jobs, place.trouble, place.since, place.polled)


def _batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for first in range(0, len(items), BATCH):
        yield items[first : first + BATCH]


def _event(job: str, one: Observed, scan: Scan, now: datetime) -> TriggerEvent:
    file = one.file
    return TriggerEvent(
        job=job,
        trigger=TriggerKind.FILE,
        identity=one.identity,
        at=now,
        trigger_values={"path": file.path, "name": file.name, "dir": file.folder, "size": file.size},
        mount=scan.mounts.get(file.folder, ""),
    )
