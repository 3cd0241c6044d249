"""Random lives of queues: the engine runs what a plain reading of the rules says, in the same order.

The model knows each run only by what was asked for. It starts runs one by one, by the plain rules; the engine
works on a real ledger, and may crash between any two turns.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.lifecycle import Run, TriggerEvent, TriggerKind
from engine.ports import Stop
from tests.builders import MINUTE, NOON
from tests.engine.world import World
from tests.soak import examples

QUEUES = ("", "narrow", "wide")
KEYS = ("", "one", "two")
"""Concurrency keys with limit 1; without a key, a job has no limit."""
PRIORITIES = (-100, 0, 0, 7)
MAX_RUNNING = 3
RETRY_SECONDS = 30
ATTEMPTS = 2


@dataclass
class Job:
    queue: str
    key: str
    priority: int


@dataclass
class Model:
    """A run as the plain rules see it."""

    job: str
    queue: str
    key: str
    priority: int
    nominal: int
    arrival: int
    state: str = "queued"
    attempts: int = 0
    retry_at: float = 0

    @property
    def order(self) -> tuple[int, int, int]:
        return -self.priority, self.nominal, self.arrival


@dataclass
class Plain:
    """The rules, without an engine."""

    slots: dict[str, int]
    runs: list[Model] = field(default_factory=list)
    now: float = 0

    def running(self, queue: str | None = None) -> list[Model]:
        busy = ("running", "cancelling")
        return [one for one in self.runs if one.state in busy and (queue is None or one.queue == queue)]

    def may_start(self, one: Model) -> bool:
        if one.state == "retry_wait":
            is_due, is_blocked = one.retry_at <= self.now, False
        else:
            is_due = one.state == "queued"
            active = ("running", "cancelling", "retry_wait")
            is_blocked = bool(one.key) and any(
                other.key == one.key and other.state in active for other in self.runs
            )
        has_slot = not one.queue or len(self.running(one.queue)) < self.slots[one.queue]
        return is_due and not is_blocked and has_slot

    def start_all(self) -> None:
        while len(self.running()) < MAX_RUNNING:
            ready = sorted((one for one in self.runs if self.may_start(one)), key=lambda one: one.order)
            if not ready:
                return
            ready[0].state = "running"
            ready[0].attempts += 1


class Queues(RuleBasedStateMachine):
    @initialize(
        jobs=st.lists(
            st.builds(Job, st.sampled_from(QUEUES), st.sampled_from(KEYS), st.sampled_from(PRIORITIES)),
            min_size=2,
            max_size=5,
        ),
        narrow=st.integers(1, 2),
        wide=st.integers(2, 5),
        data=st.data(),
        minutes=st.lists(st.integers(0, 3), min_size=8, max_size=14),
    )
    def begin(self, jobs: list[Job], narrow: int, wide: int, data: st.DataObject, minutes: list[int]) -> None:
        self.jobs = {f"job-{number}": one for number, one in enumerate(jobs)}
        self.plain = Plain({"narrow": narrow, "wide": wide})
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name), self.text(), max_running=MAX_RUNNING)
        self.paused: set[str] = set()
        self.count = 0
        self.models: dict[str, Model] = {}
        self.tell(data, minutes)

    def text(self) -> str:
        queues = "".join(f"  {name}: {{slots: {slots}}}\n" for name, slots in self.plain.slots.items())
        return f"version: 1\nqueues:\n{queues}jobs:\n" + "".join(
            f"  {name}:\n    command: [x]\n"
            f"    queue: {one.queue or 'default'}\n    priority: {one.priority}\n"
            f"    retry: {{attempts: {ATTEMPTS}, delay: {RETRY_SECONDS}s, jitter: none}}\n"
            + (
                f"    concurrency: {{limit: 1, key: {one.key}, on_overlap: queue}}\n"
                if one.key
                else "    concurrency: {limit: none}\n"
            )
            for name, one in self.jobs.items()
        )

    # what happens

    @rule(data=st.data(), minutes=st.lists(st.integers(0, 3), min_size=1, max_size=6))
    def events(self, data: st.DataObject, minutes: list[int]) -> None:
        """Several events of one instant, before the engine takes its next turn."""
        self.tell(data, minutes)

    def tell(self, data: st.DataObject, minutes: list[int]) -> None:
        told = []
        for minute in minutes:
            name = data.draw(st.sampled_from(sorted(self.jobs)))
            self.count += 1
            told.append(
                TriggerEvent(
                    job=name,
                    trigger=TriggerKind.WEBHOOK,
                    identity=str(self.count),
                    at=NOON + minute * MINUTE,
                )
            )
            if name not in self.paused:
                one = self.jobs[name]
                self.plain.runs.append(
                    Model(name, one.queue, one.key, one.priority, minute, len(self.plain.runs))
                )
        self.world.tell(*told)
        self.settle()

    def a_run(self, data: st.DataObject, *states: str) -> tuple[Run, Model]:
        found = [run for run in self.engine_runs() if run.state.value in states]
        run = data.draw(st.sampled_from(found))
        return run, self.model_of(run)

    def has(self, *states: str) -> bool:
        return any(one.state in states for one in self.plain.runs)

    @precondition(lambda self: self.has("running"))
    @rule(data=st.data(), exit_code=st.sampled_from([0, 1]))
    def end(self, data: st.DataObject, exit_code: int) -> None:
        run, model = self.a_run(data, "running")
        self.finish(run, exit_code)
        if exit_code and model.attempts < ATTEMPTS:
            model.state, model.retry_at = "retry_wait", self.plain.now + RETRY_SECONDS
        else:
            model.state = "failed" if exit_code else "succeeded"
        self.settle()

    @precondition(lambda self: self.has("queued", "running", "retry_wait"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run, model = self.a_run(data, "queued", "running", "retry_wait")
        with self.world.store.transaction():
            now = self.world.clock.now()
            self.world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=now)
        model.state = "cancelling" if model.state == "running" else "cancelled"
        self.world.step()
        self.settle()

    @precondition(lambda self: self.has("cancelling"))
    @rule(data=st.data())
    def obey(self, data: st.DataObject) -> None:
        """A run that was told to stop ends: until then it holds its slot."""
        run, model = self.a_run(data, "cancelling")
        (attempt,) = [one for one in self.world.launcher.running() if one.startswith(run.id)]
        self.world.rescuer.tick()
        self.world.launcher.obey(attempt)
        self.world.step()
        model.state = "cancelled"
        self.settle()

    @rule(seconds=st.sampled_from([1, 31]))
    def wait(self, seconds: int) -> None:
        self.plain.now += seconds
        self.world.pass_time(seconds=seconds)
        self.settle()

    @rule()
    def crash(self) -> None:
        self.world.crash()
        self.world.boot()
        self.settle()

    @precondition(lambda self: not self.paused)
    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        """A paused job makes no new runs; those that wait start all the same."""
        name = data.draw(st.sampled_from(sorted(self.jobs)))
        self.paused.add(name)
        self.world.pause(name)

    @rule(narrow=st.integers(1, 3), wide=st.integers(1, 5))
    def resize(self, narrow: int, wide: int) -> None:
        self.plain.slots = {"narrow": narrow, "wide": wide}
        self.world.edit(self.text())
        self.plain.now += 0.5
        self.settle()

    def finish(self, run: Run, exit_code: int) -> None:
        (attempt,) = [one for one in self.world.launcher.running() if one.startswith(run.id)]
        self.world.launcher.finish(attempt, exit_code=exit_code)
        self.world.step()

    # what must hold

    def engine_runs(self) -> list[Run]:
        """The runs that were made, as they arrived."""
        found = [run for name in self.jobs for run in self.world.runs(name)]
        return sorted((run for run in found if run.reason != "paused"), key=lambda run: run.id)

    def model_of(self, run: Run) -> Model:
        return self.models[run.id]

    def settle(self) -> None:
        """Let the rules start what may start, then compare."""
        self.plain.start_all()
        runs = self.engine_runs()
        assert len(runs) == len(self.plain.runs)
        self.models = {run.id: one for run, one in zip(runs, self.plain.runs, strict=True)}
        for run, one in zip(runs, self.plain.runs, strict=True):
            assert (run.job, run.attempt) == (one.job, one.attempts)
            assert run.state.value == one.state

    @invariant()
    def the_ledger_is_sound(self) -> None:
        if hasattr(self, "world"):
            assert self.world.unsound() == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        for _ in range(400):
            for attempt in self.world.launcher.running():
                self.world.launcher.finish(attempt)
            self.world.pass_time(seconds=RETRY_SECONDS)
            if not self.world.store.open_runs():
                break
        assert not self.world.store.open_runs(), "something waits for ever"
        self.world.check()
        self.world.crash()
        self.folder.cleanup()


Queues.TestCase.settings = settings(max_examples=examples(8), stateful_step_count=25, deadline=None)
TestQueues: Any = Queues.TestCase
