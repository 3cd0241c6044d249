"""What a plan asks, answered by a ledger that can be read here."""

from collections.abc import Collection, Mapping
from datetime import datetime

from engine.core.lifecycle import TriggerKind
from engine.ledger.ports import View
from engine.planning.facts import facts_of, pause_text
from engine.planning.in_force import ByHand, Paused, Standing
from engine.planning.sides import engine_side
from engine.transactions.pause import holding
from jobfile.plan import JobFacts, Side


class LedgerInForce:
    """Implements `JobsInForce` for a ledger that can be read here."""

    def __init__(self, view: View, *, now: datetime) -> None:
        """Read nothing yet; the facts are those of `now`."""
        self.view = view
        self._now = now

    def now(self) -> datetime:
        return self._now

    def side(self, number: int | None = None) -> Side:
        return engine_side(self.view, number)

    def facts(self, jobs: Collection[str]) -> Mapping[str, JobFacts]:
        return facts_of(self.view, jobs, now=self._now)

    def standing(self) -> Standing:
        session = self.view.last_session()
        return Standing(
            paused=tuple(Paused(one.job, pause_text(one)) for one in holding(self.view, self._now)),
            by_hand=tuple(
                ByHand(run.id, run.job, run.params)
                for run in self.view.open_runs()
                if run.trigger is TriggerKind.MANUAL
            ),
            version="" if session is None or session.ended_at is not None else session.version,
        )
