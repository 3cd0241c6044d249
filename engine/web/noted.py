"""Notes in the audit what was refused: few of many, because the audit is never deleted."""

import contextlib
from contextlib import closing

from engine.core.errors import JobfileError
from engine.ledger.opening import open_ledger
from engine.transactions.access import note_refused
from engine.web.limits import RECORDED_FAILURES
from engine.web.rates import Rates
from engine.web.site import Site


class Noted:
    """What was refused of one kind: of an address one in a minute, of all addresses ten."""

    def __init__(self, site: Site, action: str) -> None:
        """Note nothing yet."""
        self._site = site
        self._action = action
        self._of_one = Rates(1, site.elapsed)
        self._of_all = Rates(RECORDED_FAILURES, site.elapsed)

    def note(self, peer: str, object: str, detail: str = "") -> None:
        """Note one, unless there were too many. The answer is the same when a disk is full."""
        if not (self._of_one.take(peer) and self._of_all.take("")):
            return
        place = self._site.place
        with contextlib.suppress(JobfileError):
            if place.may_have_ledger:
                store = open_ledger(place.config.ledger_url)
                with closing(store), store.transaction():
                    note_refused(
                        store, peer, action=self._action, object=object, detail=detail, now=self._site.clock()
                    )
