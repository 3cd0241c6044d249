"""Schedulers among the hosts, as each says of itself; and hosts that have another carrier than the leader."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from engine.answers.hosts import fleet_to_json, fleet_to_text, make_fleet
from engine.core.hosts import SchedulerWord, hindrance, other_carrier
from tests.acceptance.engines import until
from tests.builders import a_host
from tests.cli.conftest import Jobfile, jobfile
from tests.cli.test_files import fits
from tests.hosts.test_commands import JOBS, Asked
from tests.hosts.world import HostsWorld

__all__ = ["jobfile"]

ABOUT = {"process": "engine-s", "version": "1", "carrier": "procrastinate"}


@pytest.fixture
def world(tmp_path: Path) -> HostsWorld:
    made = HostsWorld(tmp_path, JOBS, hosts=["a"])
    made.lead("s")
    return made


def test_a_scheduler_is_shown_with_its_role_and_a_worker_beside_it_too(
    world: HostsWorld, jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(world, jobfile, monkeypatch)
    world.shared.schedulers.sign("s", name="oslo", **ABOUT)
    world.shared.schedulers.sign("a", name="a", **{**ABOUT, "process": "other"})
    said = asked("hosts")
    assert "leader  oslo, term 1" in said.out
    rows = [line.split() for line in said.out.splitlines()]
    assert ["oslo", "scheduler", "leads", "1"] in rows
    assert any(row[:3] == ["a", "all", "up"] for row in rows)
    found = asked("hosts", "--json").json
    fits(found, "hosts")
    assert [(one["name"], one["state"]) for one in found["schedulers"]] == [("a", "waits"), ("oslo", "leads")]
    assert [one["role"] for one in found["hosts"]] == ["all"]
    world.shared.schedulers.leave("a", "other")
    world.clock.advance(seconds=40)
    out = asked("hosts").out
    assert "SILENT for 40s" in next(line for line in out.splitlines() if line.startswith("oslo"))
    assert asked("hosts", "--json").json["hosts"][0]["role"] == "worker"


def test_only_a_scheduler_that_is_forgotten_has_no_name(world: HostsWorld) -> None:
    assert world.view.hosts is not None
    world.shared.schedulers.sign("s", name="oslo", **ABOUT)
    fleet = make_fleet(world.view, world.view.hosts)
    assert [one.word for one in fleet.schedulers] == [SchedulerWord.LEADS]
    assert fleet_to_json(fleet)["leader"]["host"] == "oslo"  # type: ignore[index]  # an object of JSON
    world.clock.advance(seconds=90_000)
    world.step()
    fleet = make_fleet(world.view, world.view.hosts)
    assert fleet.schedulers == ()
    assert "NONE, the lead of host s, term 1 ended" in fleet_to_text(fleet, width=80, row_width=80)


def test_a_host_says_what_it_lacks_and_takes_other_runs(world: HostsWorld) -> None:
    a = world.hosts["a"]
    assert world.view.hosts is not None
    world.shared.hosts.sign(
        "a", "a-1", skew=world.clock.now() - world.clock.now(), free_bytes=1, trouble="", lack="x y"
    )
    [host] = world.view.hosts.all()
    assert host.takes_work
    assert "up, but x y" in fleet_to_text(make_fleet(world.view, world.view.hosts), width=80, row_width=None)
    assert hindrance([host], ()) == "a: x y", "the likely reason why something waits that it could take"
    assert hindrance([host, a_host("b", slots=1)], ()) == ""
    a.hosting.renew()
    assert world.view.hosts.all()[0].lack == ""


def test_carriers_differ_only_if_both_are_known() -> None:
    assert other_carrier("pgqueuer", "procrastinate")
    for own, leading in (("", "pgqueuer"), ("pgqueuer", ""), ("pgqueuer", "pgqueuer")):
        assert other_carrier(own, leading) == ""


def test_a_host_with_another_carrier_takes_nothing_until_a_scheduler_with_its_own_leads(
    tmp_path: Path, world: HostsWorld
) -> None:
    """Real processes; the lead changes from one scheduler to another."""
    assert world.view.hosts is not None
    world.shared.leadership.release("engine-s")
    world.db("drop function now_us()")
    world.db(
        "create function now_us() returns bigint language sql volatile "
        "as 'select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)'"
    )
    with psycopg.connect(world.url, autocommit=True) as db, ExitStack() as ending:

        def start(role: str, name: str, carrier: str) -> Callable[[], None]:
            (folder := tmp_path / name).mkdir()
            (folder / "jobs.yaml").write_text(JOBS)
            env = {"PATH": "/usr/bin:/bin", "JOBFILE_STORE": world.url, "PYTHONPATH": str(Path.cwd())}
            process = subprocess.Popen(
                [sys.executable, "-m", "engine.cli.main", "up", "--role", role, "--name", name],
                cwd=folder,
                env={**env, "JOBFILE_CARRIER": carrier, "JOBFILE_LEADER_TERM": "2"},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

            def end() -> None:
                process.terminate()
                process.wait(timeout=30)

            ending.callback(end)
            return end

        def trouble() -> list[tuple[str]]:
            return db.execute("select trouble from host where name = 'w'").fetchall()

        def leads(name: str) -> bool:
            schedulers = make_fleet(world.view, world.view.hosts).schedulers  # type: ignore[arg-type]  # as above
            return any(one.name == name and one.word is SchedulerWord.LEADS for one in schedulers)

        end_first = start("scheduler", "one", "procrastinate")
        until(lambda: leads("one"), "the first leader")
        start("worker", "w", "pgqueuer")
        other = "its JOBFILE_CARRIER is pgqueuer, that of the leader is procrastinate"
        until(lambda: trouble() == [(other,)], "the host to take nothing")
        end_first()
        start("scheduler", "two", "pgqueuer")
        until(lambda: leads("two"), "the second leader")
        until(lambda: trouble() == [("",)], "the host to take work")
