"""Loop: when job files have changed, read and compile the whole set, and apply all of it or reject it."""

from collections.abc import Callable

from engine.actions.unsupported import beyond_engine
from engine.core.events import ConfigAccepted, ConfigChanged, ConfigRejected, Event, RemovalsHeld
from engine.core.records import Generation
from engine.ledger.store_ports import Applying
from engine.notifications.noting import CONFIG_CHANNEL, note_channels, owe_for_engine
from engine.notifications.system_channels import known_channels
from engine.ports import Clock, Journal, Snapshot, SourceTree
from engine.transactions.account import Moment
from engine.transactions.apply import Change, apply_catalog, compare
from jobfile.checks.scripts import AskShells
from jobfile.diagnostics.escapes import readable
from jobfile.model.catalog import Catalog, removes_many
from jobfile.model.hashing import sha256
from jobfile.pipeline import Compiled, compile_files
from jobfile.render.text import render_short

QUIET_SECONDS = 0.3
"""A set of files is used only when two reads, this many seconds apart, are equal:
a file may be half written.
"""

SHORTEST_WAIT = 0.01
"""Shortest wait for the rest of a quiet time: a wait of 0 might not move the clock."""

POLL_SECONDS = 30.0
"""Seconds between checks without an event of the file system: events can get lost."""

UNREADABLE_SECONDS = 2.0
"""Seconds between checks while files are missing: when their folder is gone, no events come."""

DOUBT_SECONDS = 300.0
"""A set of files that removes many jobs at once is applied after it was unchanged for this long."""

MAX_NAMED = 5

MAX_LISTED = 20
"""Maximum number of findings kept with a rejection; `jobfile check` shows all."""


class Watcher:
    """Keeps the generation in force equal to the last good set of files."""

    def __init__(
        self,
        *,
        store: Applying,
        clock: Clock,
        journal: Journal,
        tree: SourceTree,
        new_id: Callable[[], str],
        applies: bool,
        is_held: Callable[[], bool] = lambda: False,
        allows_removals: bool = False,
        on_applied: Callable[[], None],
        on_unreadable: Callable[[], None],
        ask_shells: AskShells | None = None,
        beyond_host: Callable[[Catalog], tuple[str, ...]] = lambda _: (),
    ) -> None:
        """Without `applies`, a difference is reported and not applied. While `is_held`, nothing is applied
        either: with a wrong clock, the time from which the new schedules hold would be wrong.

        `on_unreadable` is called when files could not be read, `on_applied` after an accepted set.
        `beyond_host` returns why jobs cannot run on this machine; such a set is refused.
        """
        self._is_held = is_held
        self._allows_removals = allows_removals
        self._doubted_since: float | None = None
        self._store = store
        self._clock = clock
        self._journal = journal
        self._tree = tree
        self._new_id = new_id
        self._applies = applies
        self._on_applied = on_applied
        self._on_unreadable = on_unreadable
        self._ask_shells = ask_shells
        self._beyond_host = beyond_host
        self._seen: str | None = None
        self._settled: str | None = None
        self._since = 0.0

    def tick(self) -> float:
        """Check the files; returns the seconds until the next check."""
        snapshot = self._tree.snapshot()
        seen = _digest(snapshot)
        if snapshot.problem:
            self._on_unreadable()
            poll = UNREADABLE_SECONDS
        else:
            poll = POLL_SECONDS
        if seen != self._seen:
            self._seen, self._since, self._doubted_since = seen, self._clock.elapsed(), None
            return poll if seen == self._settled else QUIET_SECONDS
        if seen == self._settled and not self._is_to_be_believed():
            return poll
        quiet_for = self._clock.elapsed() - self._since
        if quiet_for < QUIET_SECONDS:
            return max(SHORTEST_WAIT, QUIET_SECONDS - quiet_for)
        self.settle(snapshot)
        return poll

    def _is_to_be_believed(self) -> bool:
        """Whether a set that would remove many jobs has been unchanged for long enough to be intended."""
        since = self._doubted_since
        return since is not None and self._clock.elapsed() - since >= DOUBT_SECONDS

    def settle(self, snapshot: Snapshot) -> Compiled | None:
        """Decide about one set of files: reject it, apply it, or find that it changes nothing."""
        if self._is_held():
            self._settled = None
            return None
        compiled = None
        if not snapshot.problem:
            compiled = compile_files(snapshot.files, outside=snapshot.outside, ask_shells=self._ask_shells)
        catalog = None if compiled is None else compiled.catalog
        beyond = () if catalog is None else (*beyond_engine(catalog), *self._beyond_host(catalog))
        if compiled is None or compiled.catalog is None or beyond:
            self._refuse(snapshot, compiled, beyond)
        else:
            self._take(snapshot, compiled)
        self._seen = self._settled = _digest(snapshot)
        return compiled

    def _refuse(self, snapshot: Snapshot, compiled: Compiled | None, beyond: tuple[str, ...]) -> None:
        errors = [] if compiled is None else [one for one in compiled.diagnostics if one.is_error]
        lines = (
            tuple(render_short(errors).splitlines()[:MAX_LISTED])
            or beyond[:MAX_LISTED]
            or (snapshot.problem,)
        )
        generation = self._store.current_generation()
        running = None if generation is None else generation.number
        with self._store.transaction():
            self._reject(snapshot, lines, running=running)
        self._journal.report(ConfigRejected(running=running, diagnostics=lines))

    def _reject(self, snapshot: Snapshot, lines: tuple[str, ...], *, running: int | None) -> None:
        now = self._clock.now()
        self._store.reject(digest=_digest(snapshot), diagnostics=lines, now=now)
        facts = {"diagnostics": list(lines), "generation": running}
        owe_for_engine(self._store, CONFIG_CHANNEL, "rejected", facts, now=now)

    def _take(self, snapshot: Snapshot, compiled: Compiled) -> None:
        catalog = compiled.catalog
        assert catalog is not None
        assert compiled.files is not None
        now = self._clock.now()
        current = self._store.current_generation()
        wanted = Generation(
            number=0,
            digest=catalog.digest,
            applied_at=now,
            applied_by="engine",
            main_file=snapshot.files[0][0],
            revision=snapshot.revision,
        )
        number = 0 if current is None else current.number
        change = compare(self._store, catalog)
        # A rollback has replaced this set: it must not come back before the files change.
        is_undone = current is not None and current.instead_of == catalog.digest
        applies = self._applies and not is_undone
        if applies and self._is_doubtful(change):
            self._doubt(snapshot, change)
            return
        self._doubted_since = None
        events: list[Event] = []
        with self._store.transaction():
            was_refused = self._store.accept(now=now)
            if was_refused:
                owe_for_engine(self._store, CONFIG_CHANNEL, "accepted", {}, now=now)
            if applies:
                moment = Moment(now=now, generation=number, new_id=self._new_id)
                events += apply_catalog(self._store, catalog, wanted, moment)
                note_channels(self._store, known_channels(compiled.files))
            elif not change.is_empty:
                events.append(ConfigChanged(running=number or None))
        if was_refused and not events:
            events.append(ConfigAccepted(running=number or None))
        for event in events:
            self._journal.report(event)
        self._on_applied()

    def _is_doubtful(self, change: Change) -> bool:
        if self._allows_removals or self._is_to_be_believed():
            return False
        return removes_many(len(change.removed), of=len(self._store.jobs_in_force()))

    def _doubt(self, snapshot: Snapshot, change: Change) -> None:
        """Do not apply yet: that many jobs are removed may mean that a folder is missing."""
        names = ", ".join(version.job for version in change.removed[:MAX_NAMED])
        lines = (
            f"{len(change.removed)} jobs would be removed at once ({names}, …): not applied. "
            "If this is intended:  jobfile apply --yes-remove-many, or wait 5 minutes",
        )
        if self._doubted_since is None:
            current = self._store.current_generation()
            with self._store.transaction():
                self._reject(snapshot, lines, running=None if current is None else current.number)
            self._doubted_since = self._clock.elapsed()
            jobs = len(self._store.jobs_in_force())
            self._journal.report(RemovalsHeld(removed=len(change.removed), jobs=jobs))


def _digest(snapshot: Snapshot) -> str:
    seen = sha256(readable(snapshot.problem).encode())
    for name, content in snapshot.files:
        seen.update(readable(f"\0{name}\0{len(content)}\0").encode())
        seen.update(content)
    return seen.hexdigest()
