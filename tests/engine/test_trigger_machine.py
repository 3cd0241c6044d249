"""Random lives of triggers: the runs are those of a plain reading of the rules, with the same reasons.

Files, calls and requests start jobs with keys, in queues; a job follows them, and one follows that. Jobs are
paused, runs cancelled, and the engine crashes between any two turns. The model is a list of plain records.
"""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.core.lifecycle import Run, RunState, TriggerEvent, TriggerKind
from engine.ports import Stop
from engine.transactions.account import Moment, request_runs, requested_runs
from tests.engine.world import World
from tests.soak import examples

SLOTS = {"narrow": 1, "wide": 2}
MAX_WAITING = 2
TEXT = """\
version: 1
queues: {{narrow: {{slots: 1}}, wide: {{slots: 2}}}}
jobs:
  load:
    params: {{x: {{type: string, default: none}}}}
    queue: {queues[0]}
    concurrency: {{limit: 1, key: "load-{{{{ params.x }}}}", on_overlap: {policy}, max_waiting: 2}}
    {key}
    command: [x]
  report:
    triggers: [{{after: load}}]
    queue: {queues[1]}
    concurrency: {{limit: none}}
    command: [x]
  alarm:
    triggers: [{{after: {{job: load, when: failed}}}}]
    queue: {queues[2]}
    concurrency: {{limit: none}}
    command: [x]
  mail:
    triggers: [{{after: report}}]
    concurrency: {{limit: none}}
    command: [x]
"""
FOLLOWERS = {"load": (("alarm", False), ("report", True)), "report": (("mail", True),)}
"""The followers of each job, and whether each waits for a success."""
FAILED = ("failed",)


@dataclass
class Model:
    """A run as the plain rules see it."""

    job: str
    trigger: str
    x: str = ""
    cause: "Model | None" = None
    state: str = "queued"
    reason: str = ""
    nominal: float = 0
    arrival: int = 0

    @property
    def is_open(self) -> bool:
        return self.state in ("queued", "running", "cancelling")


@dataclass
class Plain:
    """The rules, without an engine."""

    queues: dict[str, str]
    policy: str
    has_key: bool
    runs: list[Model] = field(default_factory=list)
    paused: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)

    def arrive(self, one: Model) -> None:
        """Record a run, or why there is none."""
        one.arrival = len(self.runs)
        others = [other for other in self.runs if other.job == one.job and other.x == one.x and other.is_open]
        waiting = sum(other.state == "queued" for other in others)
        self.runs.append(one)
        if one.job in self.paused and one.trigger != "manual":
            self.end(one, "skipped", "paused")
        elif one.state != "queued":
            pass
        elif one.job == "load" and self.has_key and one.x in self.keys:
            self.end(one, "skipped", "duplicate")
        elif one.job == "load" and others and self.policy == "skip":
            self.end(one, "skipped", "overlap")
        elif one.job == "load" and others and self.policy == "queue" and waiting >= MAX_WAITING:
            self.end(one, "missed", "buffer_full")
        else:
            if one.job == "load" and self.has_key:
                self.keys.add(one.x)
            for other in others if one.job == "load" and self.policy == "latest" else ():
                if other.state == "queued":
                    self.end(other, "skipped", "superseded")

    def end(self, one: Model, state: str, reason: str = "") -> None:
        one.state, one.reason = state, reason

    def follow(self, ended: list[Model]) -> None:
        """Record what follows from these ends, in their order, and from what that ends."""
        while ended:
            one = ended.pop(0)
            for job, is_after_success in FOLLOWERS.get(one.job, ()):
                fits = one.state == "succeeded" if is_after_success else one.state in FAILED
                made = Model(job, "after", cause=one, nominal=one.nominal)
                if not fits and not is_after_success:
                    continue
                if not fits:
                    made.state, made.reason = "skipped", "after"
                self.arrive(made)
                if not made.is_open:
                    ended.append(made)

    def may_start(self, one: Model) -> bool:
        is_blocked = one.job == "load" and any(
            other.job == "load" and other.x == one.x and other.state in ("running", "cancelling")
            for other in self.runs
        )
        queue = self.queues[one.job]
        taken = sum(
            self.queues[other.job] == queue and other.state in ("running", "cancelling")
            for other in self.runs
        )
        return one.state == "queued" and not is_blocked and (not queue or taken < SLOTS[queue])

    def start_all(self) -> None:
        while ready := [one for one in self.runs if self.may_start(one)]:
            min(ready, key=lambda one: (one.nominal, one.arrival)).state = "running"


class Triggers(RuleBasedStateMachine):
    @initialize(
        queues=st.lists(st.sampled_from(["default", "narrow", "wide"]), min_size=3, max_size=3),
        policy=st.sampled_from(["queue", "queue", "skip", "latest"]),
        has_key=st.booleans(),
        kind=st.sampled_from([TriggerKind.FILE, TriggerKind.WEBHOOK]),
        xs=st.lists(st.sampled_from("aab"), min_size=5, max_size=8),
    )
    def begin(self, queues: list[str], policy: str, has_key: bool, kind: TriggerKind, xs: list[str]) -> None:
        names = dict(zip(("load", "report", "alarm", "mail"), [*queues, "default"], strict=True))
        self.plain = Plain(
            {job: "" if name == "default" else name for job, name in names.items()}, policy, has_key
        )
        key = 'idempotency_key: "{{ params.x }}"' if has_key else ""
        self.folder = tempfile.TemporaryDirectory()
        text = TEXT.format(queues=queues, policy=policy, key=key)
        self.world = World(Path(self.folder.name), text, max_running=99)
        self.clock = 0.0
        self.count = 0
        self.events(kind, xs, repeats=True)

    # what happens

    @rule(
        kind=st.sampled_from([TriggerKind.FILE, TriggerKind.WEBHOOK]),
        xs=st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
        repeats=st.booleans(),
    )
    def several(self, kind: TriggerKind, xs: list[str], repeats: bool) -> None:
        """Several events of one instant."""
        self.events(kind, xs, repeats=repeats)

    def events(self, kind: TriggerKind, xs: list[str], *, repeats: bool) -> None:
        """Tell the engine of events, of each more than once if it `repeats`."""
        told = []
        for x in xs:
            self.count += 1
            event = TriggerEvent("load", kind, str(self.count), self.world.clock.now(), arguments={"x": x})
            told += [event, event] if repeats else [event]
            self.arrive(Model("load", kind.value, x, nominal=self.clock))
        self.world.tell(*told)
        self.settle()

    def arrive(self, one: Model) -> None:
        is_answered = one.trigger in ("manual", "webhook")
        if is_answered and self.plain.has_key and one.x in self.plain.keys:
            return  # the answer names the earlier run
        before = {id(other) for other in self.plain.runs if not other.is_open}
        self.plain.arrive(one)
        self.ended += [other for other in self.plain.runs if not other.is_open and id(other) not in before]

    @rule(x=st.sampled_from("abc"))
    def by_hand(self, x: str) -> None:
        world = self.world
        version = world.store.job_in_force("load")
        assert version is not None
        spec, now = world.store.definition(version.digest), world.clock.now()
        moment = Moment(now=now, generation=1, new_id=world.new_id)
        runs = requested_runs(
            spec, new_id=world.new_id, digest=version.digest, generation=1, params={"x": x}, at=now, now=now
        )
        with world.store.transaction():
            request_runs(world.store, runs, spec, moment)
        self.arrive(Model("load", "manual", x, nominal=self.clock))
        world.step()
        self.settle()

    @property
    def ended(self) -> list[Model]:
        """The ends on which no turn has acted."""
        return self.__dict__.setdefault("_ended", [])

    @ended.setter
    def ended(self, ends: list[Model]) -> None:
        self.__dict__["_ended"] = ends

    def has(self, *states: str) -> bool:
        return any(one.state in states for one in self.plain.runs)

    @precondition(lambda self: self.has("running"))
    @rule(data=st.data(), exit_code=st.sampled_from([0, 0, 1]))
    def end(self, data: st.DataObject, exit_code: int) -> None:
        run, model = self.a_run(data, "running")
        self.world.launcher.finish(f"{run.id}-1", exit_code=exit_code)
        self.world.step()
        self.over(model, "failed" if exit_code else "succeeded", f"exit({exit_code})" if exit_code else "")

    @precondition(lambda self: self.has("queued", "running"))
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        run, model = self.a_run(data, "queued", "running")
        with self.world.store.transaction():
            now = self.world.clock.now()
            self.world.store.request_stop(run.id, Stop.CANCEL, reason="by_hand", detail="", now=now)
        is_waiting = model.state == "queued"
        self.world.step()
        if is_waiting:
            self.over(model, "cancelled", "by_hand")
            return
        self.world.rescuer.tick()
        self.world.launcher.obey(f"{run.id}-1")
        self.world.step()
        self.over(model, "cancelled", "by_hand")

    def over(self, model: Model, state: str, reason: str) -> None:
        self.plain.end(model, state, reason)
        self.ended.append(model)
        self.settle()

    @rule(seconds=st.sampled_from([1, 61]))
    def wait(self, seconds: int) -> None:
        self.clock += seconds
        self.world.pass_time(seconds=seconds)
        self.settle()

    @rule()
    def crash(self) -> None:
        self.world.crash()
        self.world.boot()
        self.settle()

    @precondition(lambda self: len(self.plain.paused) < 2)
    @rule(job=st.sampled_from(["load", "report", "mail"]))
    def pause(self, job: str) -> None:
        if job not in self.plain.paused:
            self.plain.paused.add(job)
            self.world.pause(job)

    # what must hold

    def a_run(self, data: st.DataObject, *states: str) -> tuple[Run, Model]:
        found = [(run, one) for run, one in self.pairs() if one.state in states]
        return data.draw(st.sampled_from(found))

    def pairs(self) -> list[tuple[Run, Model]]:
        runs = sorted(
            (run for job in self.plain.queues for run in self.world.runs(job)), key=lambda run: run.id
        )
        assert len(runs) == len(self.plain.runs)
        return list(zip(runs, self.plain.runs, strict=True))

    def settle(self) -> None:
        """Let the rules do what follows, then compare."""
        self.plain.start_all()
        ended, self.ended = self.ended, []
        self.plain.follow(ended)
        self.plain.start_all()
        made = {id(one): run for run, one in self.pairs()}
        for run, one in self.pairs():
            assert (run.job, run.trigger.value) == (one.job, one.trigger)
            assert (run.state.value, run.reason if run.state.is_final else "") == (one.state, one.reason)
            assert run.params.get("x", "") == one.x
            assert run.caused_by == (None if one.cause is None else made[id(one.cause)].id)

    @invariant()
    def the_ledger_is_sound(self) -> None:
        if hasattr(self, "world"):
            assert self.world.unsound() == []

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        while self.world.launcher.running():
            self.world.finish()
        self.world.step()
        assert not self.world.store.open_runs(), "something waits for ever"
        assert not self.world.store.following.ends(limit=1), "nobody has acted on an end"
        states = {run.state for job in self.plain.queues for run in self.world.runs(job)}
        assert all(state in RunState and state.is_final for state in states)
        self.world.crash()
        self.folder.cleanup()


Triggers.TestCase.settings = settings(max_examples=examples(10), stateful_step_count=20, deadline=None)
TestTriggers: Any = Triggers.TestCase
