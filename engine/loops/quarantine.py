"""Handles unreadable rows of the ledger: reports each once, and ends runs that could never start."""

import json

from engine.core.events import RowUnreadable
from engine.core.records import SET_ASIDE
from engine.ledger.store_ports import SettingAside
from engine.ports import Clock, Journal

MAX_NOTED = 20
"""Maximum number of rows that `status` names; `doctor` names all."""


class Quarantine:
    """Reports the unreadable rows that the store has found; each engine reports a row once."""

    def __init__(self, *, store: SettingAside, clock: Clock, journal: Journal) -> None:
        """Begin with nothing reported."""
        self._store = store
        self._clock = clock
        self._journal = journal
        self._reported = 0
        self._is_noted = store.past.fact(SET_ASIDE, default="[]") == "[]"

    def begin(self) -> None:
        """Read all that is open or in force, before any of it is due."""
        self._store.look_over()
        self.tick()

    def tick(self) -> None:
        """Report the rows found since the last call, and end runs that could never start."""
        met = self._store.unreadable
        if len(met) == self._reported and self._is_noted:
            return
        now = self._clock.now()
        with self._store.transaction():
            for found in met[self._reported :]:
                if found.seq:
                    self._store.set_aside(found, is_over=False, now=now)
            self._store.past.note(SET_ASIDE, json.dumps([found.words for found in met[:MAX_NOTED]]))
        fresh, self._reported, self._is_noted = met[self._reported :], len(met), True
        self._journal.report(*(RowUnreadable(found=found) for found in fresh))
