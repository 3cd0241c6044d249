"""Loop: act on the ends of runs whose jobs others follow."""

from collections.abc import Callable
from typing import Final

from engine.core.errors import JobfileError, PartialTurnError
from engine.core.events import Event
from engine.core.following import RunEnd
from engine.ledger.store_ports import Consequences
from engine.ports import Clock, Journal
from engine.transactions.account import Moment
from engine.transactions.following import follow_end

IDLE_SECONDS: Final = 15.0
"""The longest wait in seconds: a lost hint delays a follower by at most this."""

BATCH: Final = 32
"""Maximum ends in one transaction, so that a long chain does not delay what else is to be written."""


class Follower:
    """Records what follows from each end, and forgets the end, in one transaction."""

    def __init__(
        self,
        *,
        store: Consequences,
        clock: Clock,
        journal: Journal,
        new_id: Callable[[], str],
        is_held: Callable[[], bool],
        on_recorded: Callable[[], None],
    ) -> None:
        """`on_recorded` is called when startable runs may have been recorded. While `is_held`, ends wait."""
        self._store = store
        self._clock = clock
        self._journal = journal
        self._new_id = new_id
        self._is_held = is_held
        self._on_recorded = on_recorded
        self.had_work = False
        """Whether the last turn acted on an end."""

    @property
    def has_work(self) -> bool:
        """Whether a run has ended that no turn has acted on."""
        return bool(self._store.following.ends(limit=1))

    def tick(self) -> float:
        """Act on every end; returns the seconds until the next look."""
        self.had_work = False
        generation = None if self._is_held() else self._store.current_generation()
        if generation is None:
            return IDLE_SECONDS
        failing: set[int] = set()
        trouble: Exception | None = None
        size = BATCH
        while ends := self._next(failing, size):
            try:
                self._act_on(ends, generation.number, failing, size)
                self.had_work = True
                size = BATCH
            except JobfileError:
                raise  # the ledger's trouble, not this end's
            except Exception as error:  # noqa: BLE001  raised at the end of the turn, when the others are done
                if size == 1:
                    failing.add(ends[0].seq)
                    trouble = error
                size = 1
        if self.had_work:
            self._on_recorded()
        if trouble is not None:
            raise PartialTurnError(f"{type(trouble).__name__}: {trouble}") from trouble
        return IDLE_SECONDS

    def _next(self, failing: set[int], size: int) -> tuple[RunEnd, ...]:
        ends = self._store.following.ends(limit=size + len(failing))
        return tuple(end for end in ends if end.seq not in failing)[:size]

    def _act_on(self, ends: tuple[RunEnd, ...], generation: int, failing: set[int], size: int) -> None:
        """Act on some ends, and on those that this records, in one transaction."""
        moment = Moment(now=self._clock.now(), generation=generation, new_id=self._new_id)
        events: list[Event] = []
        done = 0
        with self._store.transaction():
            while ends and done < size:
                for end in ends:
                    events += follow_end(self._store, end, moment)
                done += len(ends)
                ends = self._next(failing, size - done) if done < size else ()
        self._journal.report(*events)
