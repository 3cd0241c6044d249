"""Loop: note the digests of channels when they are due, each once, with its report. The sender sends them."""

from collections.abc import Callable
from contextlib import closing
from typing import Final

from engine.answers.digest import make_digest
from engine.ledger.ports import View
from engine.ledger.store_ports import Sending
from engine.notifications.digests import (
    DIGESTS_FACT,
    due_digests,
    next_digest,
    told_from_text,
    told_to_text,
)
from engine.notifications.noting import owe_for_digest
from engine.notifications.system_channels import CHANNELS_FACT, channels_from_text
from engine.ports import Clock
from jobfile.model.jobs import DigestSpec

LOOK_SECONDS: Final = 30.0
SHORTEST_WAIT: Final = 0.1


class Digester:
    """Reads the ledger only when a digest is due."""

    def __init__(
        self,
        *,
        store: Sending,
        clock: Clock,
        open_view: Callable[[], View],
        is_held: Callable[[], bool] = lambda: False,
    ) -> None:
        """While `is_held`, nothing is noted: the clock or the ledger is not believed."""
        self._store = store
        self._clock = clock
        self._open_view = open_view
        self._is_held = is_held
        self._text = ""
        self._digests: dict[str, DigestSpec] = {}

    def tick(self) -> float:
        """Note what is due; returns the seconds until the next look."""
        if self._is_held():
            return LOOK_SECONDS
        self._follow()
        text = self._store.past.fact(DIGESTS_FACT, default="")
        if not self._digests and not text:
            return LOOK_SECONDS
        now = self._clock.now()
        due, until = due_digests(self._digests, told_from_text(text), now)
        made = []
        if due:
            with closing(self._open_view()) as view:
                for one in due:
                    digest = self._digests[one.channel]
                    made.append((one, make_digest(view, digest, since=one.since, until=one.until, now=now)))
        if told_to_text(until) != text:
            with self._store.transaction():
                for one, facts in made:
                    owe_for_digest(self._store, one, facts, now=now)
                self._store.past.note(DIGESTS_FACT, told_to_text(until))
        following = next_digest(self._digests, now)
        wait = LOOK_SECONDS if following is None else (following - now).total_seconds()
        return min(LOOK_SECONDS, max(SHORTEST_WAIT, wait))

    def _follow(self) -> None:
        """The digests of the files that were applied last."""
        text = self._store.past.fact(CHANNELS_FACT, default="")
        if text != self._text:
            known = channels_from_text(text)
            self._digests = {name: one.digest for name, one in known.items() if one.digest is not None}
            self._text = text
