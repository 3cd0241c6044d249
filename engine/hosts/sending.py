"""Executes attempts on this host, and sends their outputs to a ledger in a server, as hosts do: there the
other machines find them.
"""

from collections.abc import Mapping, Sequence

from engine.core.lifecycle import Attempt, Ended, Outcome, Run, StartError
from engine.core.records import LiveAttempt
from engine.hosts.executor import Checked, Executor, Flight
from engine.hosts.outputs import OutputSender
from engine.ports import Alive, Evidence, NotStarted
from engine.transactions.steps import ToStart


class Sending:
    """Implements `Executor` with another one. An end counts when its output was sent, or when that takes too
    long."""

    def __init__(self, inner: Executor, sender: OutputSender) -> None:
        """`sender` has a thread of its own, which sends."""
        self._inner = inner
        self._sender = sender
        self._ending: dict[str, Outcome] = {}
        """Ends that wait until the output is sent."""

    def take_over(self, live: Sequence[LiveAttempt]) -> None:
        """Also send the output of attempts that an earlier engine has started."""
        for attempt, _ in self._inner.check(live).alive:
            self._sender.follow(attempt.key, is_new=False)

    def room(self, flying: int) -> int:
        return self._inner.room(flying)

    def chosen(self, runs: Sequence[Run]) -> Sequence[Run]:
        return self._inner.chosen(runs)

    def launch(self, starts: Sequence[ToStart]) -> Mapping[str, StartError]:
        for one in starts:
            self._sender.follow(one.attempt, is_new=True)
        failed = self._inner.launch(starts)
        for one in starts:
            if one.attempt.id in failed:
                self._sender.forget(one.attempt)
        return failed

    def look(self, flights: Sequence[Flight]) -> Mapping[str, Evidence]:
        asked = [flight for flight in flights if flight.attempt.id not in self._ending]
        found = {**self._inner.look(asked)} if asked else {}
        for flight in flights:
            name = flight.attempt.id
            outcome = self._ending.get(name) or found.get(name)
            if outcome is None or isinstance(outcome, Alive | NotStarted):
                continue
            if self._sender.end(flight.attempt, outcome):
                self._ending.pop(name, None)
                found[name] = outcome
            else:
                self._ending[name] = outcome
                found.pop(name, None)
        return found

    def check(self, live: Sequence[LiveAttempt]) -> Checked:
        return self._inner.check(live)

    def late_ends(self, lost: Sequence[Attempt]) -> Sequence[tuple[Attempt, Ended]]:
        return self._inner.late_ends(lost)
