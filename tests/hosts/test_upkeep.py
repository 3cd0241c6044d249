"""A host looks after its own folders: it compresses and deletes them, whatever its leader's disk has."""

import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from engine.core.events import OutputsDropped
from engine.core.lifecycle import Artifact, AttemptKey, Run, RunState
from engine.execution import run_folders
from engine.execution.run_folders import artifacts_of
from engine.hosts.sweeping import GONE_FOR, KEEP_OUTPUT_FOR, LOOK_SECONDS, Upkeep
from engine.ports import Stop
from engine.supervisor.evidence import CONTROL, beside
from tests.hosts.world import FakeHost, HostsWorld

JOBS = """
version: 1
jobs:
  talk: {run: 'true', concurrency: {limit: 9}}
"""
DAY = 86_400
SIZE = 100_000


class Shared:
    """Two hosts that have executed runs, each of which left an output, a control file and a copy."""

    def __init__(self, folder: Path, *, pairs: int = 3) -> None:
        self.world = HostsWorld(folder, JOBS, hosts=[])
        for name in ("a", "b"):
            self.world.add(name, slots=1)
        for _ in range(pairs):
            self.world.run_by_hand("talk")
            self.world.run_by_hand("talk")
            self.world.turn()
            for host in self.hosts:
                for name in host.launcher.running():
                    self.leave(host, AttemptKey(name.partition("-")[0], 1))
                    host.launcher.finish(name)
            self.world.pass_time(seconds=3)
        assert {run.state for run in self.runs} == {RunState.SUCCEEDED}
        with self.world.store.transaction():
            for run in self.runs:
                kept = Artifact(name="a", size=4, sha256="0" * 64, copy=1)
                self.world.store.artifacts.add(AttemptKey(run.id, 1), [kept])

    @property
    def hosts(self) -> list[FakeHost]:
        return [*self.world.hosts.values()]

    @property
    def runs(self) -> list[Run]:
        return sorted(self.world.runs("talk"), key=lambda run: run.queued_at)

    def leave(self, host: FakeHost, key: AttemptKey) -> None:
        folder = host.config.attempt_dir(key)
        host.config.run_dir(key.run_id).mkdir(parents=True)
        folder.mkdir()
        (folder / "output").write_bytes(b"x" * SIZE)
        Path(beside(str(folder), CONTROL)).write_bytes(b"stop")
        artifacts_of(folder).mkdir()
        (artifacts_of(folder) / "1").write_text("kept")
        for path in [*folder.parent.glob(f"{key.run_id}*"), folder / "output"]:
            now = self.world.clock.now().timestamp()
            os.utime(path, (now, now))

    def of(self, host: FakeHost) -> list[Run]:
        """The runs of which this host has something, in order."""
        here = {*run_folders.run_names(host.config.runs_dir)}
        return [run for run in self.runs if run.id in here]

    def upkeep(self, host: FakeHost, **settings: int) -> Upkeep:
        config = replace(host.config, **settings)
        is_deleted = host.hosting._is_known_deleted
        return Upkeep(self.world.store, config, self.world.clock, self.world.journal, is_deleted=is_deleted)

    def look(self, host: FakeHost) -> None:
        """The host looks at the shard of all these runs, the first one, as its next process does."""
        host.boot()
        assert host.hosting.sweep() == LOOK_SECONDS

    def age(self, *, days: float) -> None:
        self.world.clock.advance(seconds=days * DAY)


@pytest.fixture
def shared(tmp_path: Path) -> Shared:
    return Shared(tmp_path)


def endings(host: FakeHost, run: Run) -> set[str]:
    return {path.suffix for path in host.config.attempt_dir(AttemptKey(run.id, 1)).glob("output*")}


def test_each_host_compresses_what_it_has_executed_after_a_day(shared: Shared) -> None:
    for host in shared.hosts:
        assert (mine := shared.of(host)), "both hosts have executed something"
        shared.look(host)
        assert all(endings(host, run) == {""} for run in mine)
    shared.age(days=1.5)
    for host in shared.hosts:
        mine = shared.of(host)
        shared.look(host)
        assert [endings(host, run) for run in mine] == [{".gz"}] * len(mine)
        assert not [*host.config.runs_dir.glob(f"*/*.{CONTROL}")]
        assert not any(one.is_plain for one in run_folders.shrinkable(host.config.runs_dir, shard=0))


def test_the_folder_of_a_run_that_a_host_still_has_stays_as_it_is(shared: Shared) -> None:
    """Its run is over for the leader, but its end here is not reported."""
    [a, _] = shared.hosts
    mine = shared.of(a)
    shared.age(days=2)
    held = {mine[0].id}
    shared.upkeep(a, keep_bytes=1).tick(held)
    assert endings(a, mine[0]) == {""}
    assert shared.of(a) == mine[:1]


def test_copies_of_artifacts_are_deleted_when_the_leader_has_noted_that(shared: Shared) -> None:
    [a, b] = shared.hosts
    kept = {host.name: shared.of(host) for host in shared.hosts}
    shared.age(days=8)
    for host in shared.hosts:
        shared.look(host)
        copies = [artifacts_of(host.config.attempt_dir(AttemptKey(run.id, 1))) for run in kept[host.name]]
        assert all(copy.is_dir() for copy in copies)
    shared.world.housekeeper(keep_artifacts_days=7).drop_artifacts()
    for host in (a, b):
        shared.look(host)
        assert shared.of(host) == kept[host.name], "the output stays"
        assert not [*host.config.runs_dir.glob("*/*.artifacts")]


def test_above_the_limit_a_host_deletes_its_oldest_folders_and_no_answer_changes(shared: Shared) -> None:
    [a, b] = shared.hosts
    mine, others = shared.of(a), shared.of(b)
    shared.upkeep(a, keep_bytes=1).tick(())
    assert shared.of(a) == mine, "they are too young"
    shared.world.clock.advance(seconds=KEEP_OUTPUT_FOR.total_seconds() + 600)
    total = run_folders.survey(a.config.runs_dir).total_bytes
    shared.upkeep(a, keep_bytes=total - 1).tick(())
    assert shared.of(a) == mine[1:]
    [told] = [one for one in shared.world.journal.events if isinstance(one, OutputsDropped)]
    assert told.count == 1
    assert told.bytes >= SIZE
    assert shared.of(b) == others
    assert {run.state for run in shared.runs} == {RunState.SUCCEEDED}


def test_the_folder_of_a_deleted_run_is_deleted_a_day_later_whatever_the_host_keeps(shared: Shared) -> None:
    [a, _] = shared.hosts
    mine = shared.of(a)
    with shared.world.store.transaction():
        shared.world.store.past.prune(mine, now=shared.world.clock.now())
    shared.look(a)
    assert [*run_folders.run_names(a.config.runs_dir)] == sorted(run.id for run in mine)
    shared.world.clock.advance(seconds=(GONE_FOR + timedelta(hours=1)).total_seconds())
    shared.look(a)
    assert not [*run_folders.run_names(a.config.runs_dir)]


def test_what_the_ledger_never_knew_stays_as_long_as_runs_do(shared: Shared) -> None:
    """After a failover that lost moments, or in a restored copy, the folder is the only evidence."""
    [a, _] = shared.hosts
    mine = [run.id for run in shared.of(a)]
    shared.world.db("set session_replication_role = replica")
    for table in ("delivery", "output_chunk", "run"):
        column = "id" if table == "run" else "run_id"
        shared.world.db(f"delete from {table} where {column} = any(%s)", [mine])
    shared.world.db("set session_replication_role = origin")
    for days in (2, 20):
        shared.age(days=days)
        shared.look(a)
        assert [*run_folders.run_names(a.config.runs_dir)] == sorted(mine)
    shared.age(days=a.config.keep_days)
    shared.look(a)
    assert not [*run_folders.run_names(a.config.runs_dir)]


def test_deliveries_of_deleted_runs_are_deleted_some_at_a_time_and_no_others(shared: Shared) -> None:
    deliveries, gone = shared.world.shared.deliveries, shared.runs[:4]
    with shared.world.store.transaction():
        shared.world.store.past.prune(gone, now=shared.world.clock.now())
    asked = [run.id for run in (*gone, *shared.runs)]

    def known() -> set[str]:
        return {one.attempt.run_id for one in deliveries.of_runs(asked)}

    def a_round() -> int:
        past, rounds = "", 0
        while (past := deliveries.forget(after=timedelta(days=1), past=past, limit=2)) != "":
            rounds += 1
        return rounds

    shared.age(days=40)
    assert a_round() >= 2
    assert known() == {*asked}, "hosts need to know that these were deleted, and when is counted from now"
    shared.age(days=1.5)
    a_round()
    assert known() == {run.id for run in shared.runs}
    assert deliveries.forget(after=timedelta(days=1), past="f" * 40, limit=2) == "", "begin again"


def test_a_run_that_fills_the_disk_of_its_host_is_ended_there(shared: Shared) -> None:
    run = shared.world.run_by_hand("talk")
    shared.world.pass_time(seconds=2)
    [host] = [one for one in shared.hosts if one.launcher.running()]
    folder = host.config.run_dir(run.id)
    folder.mkdir(parents=True)
    (folder / "large").write_bytes(b"x" * SIZE)
    shared.upkeep(host, max_folder_bytes=2 * SIZE).tick({run.id})
    assert shared.world.store.run(run.id).state is RunState.RUNNING
    shared.upkeep(host, max_folder_bytes=SIZE // 2).tick({run.id})
    shared.world.pass_time(seconds=2)
    [flight] = [one for one in host.launcher.flights.values() if one.end is None]
    assert flight.stops[0] is Stop.CANCEL
    host.launcher.obey(AttemptKey(run.id, 1).id)
    shared.world.pass_time(seconds=2)
    ended = shared.world.store.run(run.id)
    assert (ended.state, ended.reason) == (RunState.CANCELLED, "folder_limit")


def test_hostile_names_and_folders_that_are_gone_are_no_trouble(shared: Shared) -> None:
    [a, _] = shared.hosts
    run = shared.of(a)[0]
    shelf = a.config.run_dir(run.id).parent
    (shelf / f"{run.id}.2").symlink_to("/etc")
    (shelf / os.fsdecode(b"\xff.1")).mkdir()
    (shelf / "..lease").write_bytes(b"")
    shared.age(days=2)
    shutil.rmtree(a.config.runs_dir.parent / "none", ignore_errors=True)
    shared.look(a)
    assert endings(a, run) == {".gz"}
    assert Path("/etc/passwd").exists()
