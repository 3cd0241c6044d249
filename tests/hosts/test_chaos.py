"""Random lives of several hosts on one ledger: whatever befalls them, nothing is executed twice or forgotten.

The clock is the test's, the ledger is in a real server, attempts are scripted. Each life is one seed.
"""

import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from engine.core.errors import SupersededError
from engine.core.hosts import Leases, Offer, queue_of
from engine.core.lifecycle import AttemptKey, Ended, Lost, RunState
from engine.core.reasons import Reason
from engine.ports import Alive, Evidence, LaunchOrder, Stop
from engine.testing import Flight, ScriptedLauncher
from engine.transactions.account import Moment, request_runs, requested_runs
from tests.hosts.world import FakeHost, HostsWorld, Queue
from tests.soak import IS_SOAK

SEEDS: Final = range(300) if IS_SOAK else range(2)
MANY_SEEDS: Final = range(1000, 1040) if IS_SOAK else range(1000, 1001)
LEASES: Final = Leases(idempotent=timedelta(seconds=20), once=timedelta(seconds=40))
CHAOS_SECONDS: Final = 150 if IS_SOAK else 90
CALM_SECONDS: Final = 40 + 15
"""The longest lease, and 15 s."""
JOBS = """
version: 1
jobs:
  solo: {run: 'true', schedule: {every: 13s}, concurrency: {limit: 1}}
  again: {run: 'true', schedule: {every: 17s}, concurrency: {limit: 1}, idempotent: true, retry: 3}
  once: {run: 'true', concurrency: {limit: 20}}
  often: {run: 'true', concurrency: {limit: 20}, idempotent: true, retry: {attempts: 4, delay: 2s}}
  course:
    concurrency: {limit: 20}
    steps:
      one: {run: 'true'}
      two: {run: 'true', needs: [one]}
      three: {run: 'true', needs: [one]}
"""
ENDLESS = """
version: 1
jobs:
  much: {run: 'true', concurrency: {limit: none}}
"""
CALM_JOBS = JOBS.replace("schedule: {every: 13s}, ", "").replace("schedule: {every: 17s}, ", "")
ONE_AT_A_TIME = ("solo", "again")
MAY_REPEAT = ("again", "often")


class Executed(NamedTuple):
    """An attempt that was executed."""

    host: str
    attempt: AttemptKey
    began_at: float
    ended_at: float
    exit_code: int | None


class WildLauncher(ScriptedLauncher):
    """A launcher whose supervisors may begin late, or never, and of which a new process knows nothing."""

    def __init__(self, chaos: "Chaos") -> None:
        super().__init__(chaos.clock)
        self._chaos = chaos
        self.known: set[Path] = set()
        """What this process has sent, and of which no supervisor has said anything."""
        self.sent: list[tuple[float, LaunchOrder]] = []

    def launch(self, *orders: LaunchOrder) -> None:
        for order in orders:
            delay = self._chaos.dice.choice((0.0, 0.0, 0.0, 3.0, 15.0)) if self._chaos.is_wild else 0.0
            self.known.add(order.run_dir)
            self.sent.append((self._chaos.clock.elapsed() + delay, order))
        self.settle()

    def settle(self) -> None:
        """Supervisors begin whose time has come."""
        now = self._chaos.clock.elapsed()
        for due, order in [*self.sent]:
            if due <= now:
                self.sent.remove((due, order))
                self.known.discard(order.run_dir)
                is_over = order.lease is not None and now >= order.lease.until
                if not is_over:
                    super().launch(order)

    def evidence(self, run_dir: Path, *, boot_id: str) -> Evidence:
        found = super().evidence(run_dir, boot_id=boot_id)
        return Alive(started_at=None) if run_dir in self.known and run_dir not in self.flights else found


class WildQueue(Queue):
    """Loses, doubles, delays and reorders what it brings."""

    def __init__(self, chaos: "Chaos") -> None:
        super().__init__()
        self._chaos = chaos
        self._later: list[tuple[float, str, AttemptKey]] = []

    def offer(self, offers: Sequence[Offer]) -> None:
        dice = self._chaos.dice
        for one in offers:
            for _ in range(dice.choice((0, 1, 1, 1, 1, 2)) if self._chaos.is_wild else 1):
                delay = dice.choice((0, 0, 0, 2, 9)) if self._chaos.is_wild else 0
                self._later.append((self._chaos.clock.elapsed() + delay, queue_of(one.needs), one.attempt))

    def settle(self) -> None:
        """Bring what is due."""
        now = self._chaos.clock.elapsed()
        self.waiting += [(queue, attempt) for due, queue, attempt in self._later if due <= now]
        self._later = [one for one in self._later if one[0] > now]
        self._chaos.dice.shuffle(self.waiting)


class OldLeader:
    """The loops of a leader that does not know yet that another one leads."""

    def __init__(self, chaos: "Chaos", awake_at: float) -> None:
        loops = chaos.loops
        self.store, self.view, self.awake_at = chaos.store, chaos.view, awake_at
        self._loops: list[Callable[[], Any]] = [
            chaos.scheduler.tick,
            loops.settle_and_start,
            loops.rescuer.tick,
            chaos.quarantine.tick,
            chaos.heartbeat.tick,
        ]

    def step(self) -> bool:
        """Each loop ends at its first write; whether one is left."""
        for one in [*self._loops]:
            try:
                one()
            except SupersededError:
                self._loops.remove(one)
        return len(self._loops) > 1  # the rescuer alone writes nothing that an epoch guards


class Chaos(HostsWorld):
    """A world with faults."""

    def __init__(self, folder: Path, seed: int, *, hosts: int) -> None:
        self.dice = random.Random(seed)
        self.is_wild = False
        self.told: list[str] = []
        self._down_until: dict[str, float] = {}
        self._leads_at = 0.0
        self._is_gone = False
        self._old: list[OldLeader] = []
        self._lengths: dict[str, float] = {}
        super().__init__(folder, JOBS, hosts=[], leases=LEASES, max_running=10_000)
        self.queue = WildQueue(self)
        self.loops.executor._carrier = self.queue  # type: ignore[attr-defined]  # made before it
        for number in range(hosts):
            self.add(f"h{number}")

    def launcher_of_host(self) -> ScriptedLauncher:
        return WildLauncher(self)

    def add(self, name: str, **settings: Any) -> FakeHost:
        host = super().add(name, **settings)
        host.network.loses = self._lost
        return host

    def _lost(self, what: str) -> str:
        is_fragile = what in ("take", "report", "renew", "give_back", "begin", "sign", "run", "live_attempts")
        if not (self.is_wild and is_fragile and self.dice.random() < 0.03):
            return ""
        return self.dice.choice(("request", "answer"))

    # Faults

    def strike(self) -> None:
        """Something befalls somebody."""
        now, dice = self.clock.elapsed(), self.dice
        host = dice.choice([*self.hosts.values()])
        seconds = dice.choice((1, 4, 12, 30, 70))
        fault = dice.choice(
            ("kill", "freeze", "cut", "reboot", "drain", "crash", "usurp", "outage", "backends", "hand")
        )
        self.told.append(f"{now:.1f} {fault} {host.name} {seconds}")
        match fault:
            case "kill" | "reboot":
                self._end_process(host, is_reboot=fault == "reboot")
                self._down_until[host.name] = now + min(seconds, 30)
            case "freeze":
                host.is_frozen = True
                self._down_until.setdefault(host.name, now + seconds)
            case "cut":
                host.network.is_cut = True
                self._down_until.setdefault(host.name, now + seconds)
            case "drain":
                self.shared.hosts.drain(host.name, is_draining=dice.random() < 0.5)
            case "crash" if not self._is_gone:
                self.crash()
                self._is_gone, self._leads_at = True, now + min(seconds, 12)
            case "usurp" if not self._is_gone:
                self._old.append(OldLeader(self, now + dice.choice((0, 0, 5, 40))))
                self.boot()
            case "outage":
                for one in self.hosts.values():
                    one.network.is_cut = True
                    self._down_until.setdefault(one.name, now + min(seconds, 12))
            case "backends":
                self._kill_connections()
            case _:
                self.request(dice.choice(("once", "often", "course")))

    def _kill_connections(self) -> None:
        """The server ends two of five connections: each may be in use again at once."""
        found = self.db(
            "select pid from pg_stat_activity where application_name = 'jobfile' "
            "and datname = current_database() order by pid"
        ).fetchall()
        for (pid,) in found:
            if self.dice.random() < 0.4:
                self.db("select pg_terminate_backend(%s)", [pid])

    def kill_who_has_just_ordered(self) -> None:
        """Kill a process whose orders no supervisor has begun yet."""
        for host in self.hosts.values():
            assert isinstance(host.launcher, WildLauncher)
            if host.launcher.sent and not host.is_frozen:
                self.told.append(f"{self.clock.elapsed():.1f} kill {host.name} after its order")
                self._end_process(host, is_reboot=False)
                self._down_until[host.name] = self.clock.elapsed()
                break

    def _end_process(self, host: FakeHost, *, is_reboot: bool) -> None:
        host.is_frozen, host.network.is_cut = True, False
        launcher = host.launcher
        assert isinstance(launcher, WildLauncher)
        launcher.known.clear()
        host.has_no_process = True  # type: ignore[attr-defined]  # of this test
        if is_reboot:
            host.boots += 1
            launcher.sent.clear()
            for flight in launcher.flights.values():
                self._enforce(flight)
                flight.end = flight.end or Lost(at=self.clock.now(), reason=Reason.HOST_REBOOT)

    def _recover(self, host: FakeHost) -> None:
        if getattr(host, "has_no_process", False):
            host.has_no_process = False  # type: ignore[attr-defined]  # as above
            host.boot()
            host.network.loses = self._lost
        host.is_frozen = host.network.is_cut = False

    def request(self, job: str) -> None:
        """Request a run by hand, as a command does."""
        request_runs_of(self, job, count=1)

    def cancel_one(self) -> None:
        """Cancel a run, perhaps by killing."""
        runs = [run for run in self.view.open_runs() if run.state is RunState.RUNNING]
        if runs and not self._is_gone:
            how = self.dice.choice((Stop.CANCEL, Stop.KILL))
            with self.store.transaction():
                run = self.dice.choice(runs)
                self.store.request_stop(run.id, how, reason="by_hand", detail="", now=self.clock.now())

    # Time

    def _enforce(self, flight: Flight) -> None:
        """Its supervisor ends it at the end of its lease."""
        if flight.end is None and flight.until is not None and self.clock.elapsed() >= flight.until:
            flight.end = Lost(at=self.clock.now(), reason=Reason.HOST_CUT_OFF)

    def _live(self, host: FakeHost) -> None:
        """What the jobs of a host do, whatever its process does."""
        launcher = host.launcher
        assert isinstance(launcher, WildLauncher)
        launcher.settle()
        for flight in launcher.flights.values():
            self._enforce(flight)
            if flight.end is not None:
                continue
            name = flight.order.attempt_id
            length = self._lengths.setdefault(name, self.dice.choice((0.5, 2, 5, 11, 30)))
            if flight.stops:
                launcher.obey(name)
            elif (self.clock.now() - flight.launched_at).total_seconds() >= (length if self.is_wild else 3):
                launcher.finish(name, exit_code=self.dice.choice((0, 0, 0, 0, 1)) if self.is_wild else 0)

    def turn(self) -> None:
        self.queue.settle()
        now = self.clock.elapsed()
        everybody = [*self.hosts.values()]
        self.dice.shuffle(everybody)
        for host in everybody:
            if now >= self._down_until.get(host.name, now + 1):
                self._down_until.pop(host.name, None)
                self._recover(host)
            self._live(host)
            host.tick()
        if self._is_gone and now >= self._leads_at:
            self._is_gone = False
            self.boot()
        elif not self._is_gone:
            self.step()
        self._old = [old for old in self._old if now < old.awake_at or old.step()]

    def go_wild(self, seconds: float) -> None:
        """Faults, for some time."""
        self.is_wild = True
        until = self.clock.elapsed() + seconds
        while self.clock.elapsed() < until:
            self.clock.advance(seconds=self.dice.choice((0.3, 1.0, 1.0, 1.7)))
            if self.dice.random() < 0.25:
                self.strike()
            if self.dice.random() < 0.2:
                self.kill_who_has_just_ordered()
            if self.dice.random() < 0.3:
                self.request_some()
            if self.dice.random() < 0.03:
                self.cancel_one()
            self.turn()

    def request_some(self) -> None:
        """Runs by hand."""
        if not self._is_gone:
            self.request(self.dice.choice(("once", "often", "course")))

    def calm(self) -> None:
        """Everything is there again; what is open must end soon."""
        self.is_wild = False
        self._old = []
        for host in self.hosts.values():
            self._recover(host)
            self.shared.hosts.drain(host.name, is_draining=False)
        if self._is_gone:
            self._is_gone = False
            self.boot()
        self.edit(CALM_JOBS)
        until = self.clock.elapsed() + CALM_SECONDS
        while self.has_open_runs():
            assert self.clock.elapsed() < until, self.story()
            self.clock.advance(seconds=1)
            self.turn()

    # Judging

    def executions(self) -> list[Executed]:
        """All that was executed, on any host."""
        found = []
        for host in self.hosts.values():
            for flight in host.launcher.flights.values():
                assert flight.end is not None
                at = flight.end.ended_at if isinstance(flight.end, Ended) else flight.end.at
                code = flight.end.exit_code if isinstance(flight.end, Ended) else None
                key = flight.order.attempt
                found.append(Executed(host.name, key, flight.launched_at.timestamp(), at.timestamp(), code))
        return found

    def judge(self) -> None:
        """What must hold, whatever has happened."""
        self.check_once()
        found = self.executions()
        runs = {run.id: run for job in ("solo", "again", "once", "often", "course") for run in self.runs(job)}
        for (run_id, step, item), attempts in _grouped(
            found, lambda one: one.attempt[0::2] + one.attempt[3:]
        ):
            job = runs[run_id].job
            assert job in MAY_REPEAT or len(attempts) == 1, f"{job} {step} {item} {attempts} {self.story()}"
        for job in ONE_AT_A_TIME:
            own = sorted(
                (one.began_at, one.ended_at, one) for one in found if runs[one.attempt.run_id].job == job
            )
            for before, after in pairwise(own):
                assert before[1] <= after[0], f"{before} {after} {self.story()}"
        ended_well = {one.attempt for one in found if one.exit_code == 0}
        for run in runs.values():
            if run.state is RunState.SUCCEEDED and run.job != "course":
                assert run.last_attempt in ended_well, f"{run} {self.story()}"
            if run.state is RunState.SUCCEEDED and run.job == "course":
                assert {one.step for one in ended_well if one.run_id == run.id} == {"one", "two", "three"}
        assert self.unsound() == [], f"{self.unsound()} {self.story()}"
        self.check()

    def story(self) -> str:
        """What happened, for a test that fails."""
        opened = [(run.id[-4:], run.job, run.state.value, run.reason) for run in self.view.open_runs()]
        return "\n".join([*self.told, str(opened), *map(str, self.shared.deliveries.open())])


def request_runs_of(world: HostsWorld, job: str, *, count: int) -> None:
    """Request runs by hand, in one transaction."""
    version = next(one for one in world.store.jobs_in_force() if one.job == job)
    spec = world.store.definition(version.digest)
    now, generation = world.clock.now(), version.from_generation
    about = {"digest": version.digest, "generation": generation, "params": {}, "at": now, "now": now}
    moment = Moment(now=now, generation=generation, new_id=world.new_id)
    with world.store.transaction():
        for _ in range(count):
            request_runs(world.store, requested_runs(spec, new_id=world.new_id, **about), spec, moment)


def _grouped(found: Sequence[Executed], key: Callable[[Executed], Any]) -> list[tuple[Any, list[Executed]]]:
    groups: dict[Any, list[Executed]] = {}
    for one in found:
        groups.setdefault(key(one), []).append(one)
    return [*groups.items()]


def live(folder: Path, seed: int, *, hosts: int) -> Chaos:
    """A whole life."""
    chaos = Chaos(folder, seed, hosts=hosts)
    chaos.go_wild(CHAOS_SECONDS)
    chaos.calm()
    chaos.judge()
    return chaos


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_befalls_three_hosts_nothing_is_executed_twice_or_forgotten(
    tmp_path: Path, seed: int
) -> None:
    assert len(live(tmp_path, seed, hosts=3).executed) > 20


@pytest.mark.parametrize("seed", MANY_SEEDS)
def test_whatever_befalls_ten_hosts_nothing_is_executed_twice_or_forgotten(tmp_path: Path, seed: int) -> None:
    live(tmp_path, seed, hosts=10)


def runs_in(folder: Path, seconds: int, *, hosts: int) -> int:
    """How many runs of 3 seconds some hosts execute in some time, if there are always more."""
    world = HostsWorld(folder, ENDLESS, hosts=[f"h{number}" for number in range(hosts)], max_running=10_000)
    request_runs_of(world, "much", count=hosts * 4 * (seconds // 3 + 2))
    until = world.clock.elapsed() + seconds
    while world.clock.elapsed() < until:
        for host in world.hosts.values():
            for flight in host.launcher.flights.values():
                if flight.end is None and world.clock.now() - flight.launched_at >= timedelta(seconds=3):
                    host.launcher.finish(flight.order.attempt_id)
        world.turn()
        world.clock.advance(seconds=0.5)
    world.check_once()
    return sum(run.state is RunState.SUCCEEDED for run in world.runs("much"))


def test_ten_times_as_many_hosts_execute_ten_times_as_many_runs(tmp_path: Path) -> None:
    one = runs_in(tmp_path / "one", 15, hosts=1)
    ten = runs_in(tmp_path / "ten", 15, hosts=10)
    assert one >= 12, "four slots, and each run takes three seconds and a bit"
    assert ten >= 10 * one
