"""Putting a planned set in force: on the generation that it was planned from, or not at all."""

from pathlib import Path

import pytest

from engine.planning.enforcing import Intent, put_in_force
from engine.planning.saved import PlanRefusedError
from jobfile.model.catalog import Catalog
from tests.builders import MINUTE, NOON, a_catalog, a_job, every
from tests.engine.test_engine import HOURLY
from tests.engine.world import World


def intent(catalog: Catalog, base: int) -> Intent:
    return Intent(catalog=catalog, base=base, by="anna", main_file="jobs.yaml", plan_id=f"p{base}")


def test_a_plan_does_not_replace_what_was_applied_meanwhile(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    catalog = a_catalog(a_job("hello", schedule=every(minutes=5)))
    for base in (0, 2, 7):
        with pytest.raises(PlanRefusedError, match=rf"from generation {base}, but generation 1 is in force"):
            put_in_force(world.store, intent(catalog, base), now=NOON + MINUTE, new_id=world.new_id)
    assert [one.generation.number for one in world.view.generations(limit=9)] == [1]
    put_in_force(world.store, intent(catalog, 1), now=NOON + MINUTE, new_id=world.new_id)
    newest, _ = world.view.generations(limit=9)
    assert (newest.generation.applied_by, newest.generation.plan_id, newest.changed) == ("anna", "p1", 1)


def test_a_plan_makes_one_generation_at_most(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    one, other = (a_catalog(a_job("hello", schedule=every(minutes=period))) for period in (5, 7))
    put_in_force(world.store, intent(one, 1), now=NOON + MINUTE, new_id=world.new_id)
    again = Intent(catalog=other, base=2, by="anna", main_file="jobs.yaml", plan_id="p1")
    with pytest.raises(Exception, match="plan_id"):
        put_in_force(world.store, again, now=NOON + MINUTE, new_id=world.new_id)
    assert len(world.view.generations(limit=9)) == 2
