"""The lead, which several engines want at the same time: exactly one of them gets it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier
from typing import Final

from engine.ledger.postgres.shared import PostgresSharedLedger
from tests.hosts.world import HostsWorld
from tests.soak import IS_SOAK

ROUNDS: Final = 200 if IS_SOAK else 30
CANDIDATES: Final = 3
LENGTH: Final = timedelta(seconds=10)


def test_of_several_candidates_at_once_exactly_one_leads(tmp_path: Path) -> None:
    """Whether the lead has ended, was given up, or is that of a process that is gone."""
    world = HostsWorld(tmp_path, "version: 1\njobs: {}\n", hosts=[])
    candidates = [PostgresSharedLedger(world.address) for _ in range(CANDIDATES)]
    together = Barrier(CANDIDATES)

    def ask(number: int) -> int | None:
        together.wait()
        return candidates[number].leadership.acquire(f"engine-{number}", host="a", length=LENGTH)

    term, before = 0, -1
    with ThreadPoolExecutor(CANDIDATES) as threads:
        for end in [*ENDS] * (ROUNDS // len(ENDS)):
            terms = [*threads.map(ask, range(CANDIDATES))]
            [leads] = [number for number, one in enumerate(terms) if one is not None]
            term += leads != before  # a term is that of one process
            assert terms[leads] == term
            assert candidates[leads].leadership.acquire(f"engine-{leads}", host="a", length=LENGTH) == term
            before = end(world, candidates, leads)


def _run_out(world: HostsWorld, _: list[PostgresSharedLedger], leads: int) -> int:
    world.clock.advance(seconds=11)
    return leads


def _give_up(_: HostsWorld, candidates: list[PostgresSharedLedger], leads: int) -> int:
    candidates[leads].leadership.release(f"engine-{leads}")
    return leads


def _be_gone(world: HostsWorld, _: list[PostgresSharedLedger], _leads: int) -> int:
    world.db("select pg_terminate_backend(cast(backend as int), 5000) from leader")
    world.db("update leader set holder = 'gone'")
    return -1


ENDS: Final = (_run_out, _give_up, _be_gone)
"""How a lead ends; each returns who may have it again in the same term."""
