"""A simulation of events says what the engine does with them: files, calls, requests, and what follows."""

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.lifecycle import TriggerEvent, TriggerKind
from engine.simulation.core import simulate
from engine.simulation.subject import Assumed, GivenEvent, Setting, SimRun
from engine.transactions.account import Moment, request_runs, requested_runs
from engine.transactions.trigger_events import has_room, record_event
from jobfile.pipeline import compile_files
from tests.engine.test_simulation import (
    INSTANT,
    NOON,
    UNTIL,
    Driver,
    at,
    counts,
    lived,
    not_run,
    simulated,
)
from tests.engine.world import World
from tests.soak import examples

NAMES = ("a.csv", "b.csv", "c.csv")
CALLS = "triggers: [{webhook: {path: call, public: true}}]"
"""What the engine's server answers; here, the calls are made without one."""
QUEUES = "queues: {narrow: {slots: 1}, wide: {slots: 2}}\n"


POLICIES = ("skip", "latest", "cancel_running", "kill_running")
KINDS = (TriggerKind.FILE, TriggerKind.FILE, TriggerKind.WEBHOOK, TriggerKind.MANUAL)


def job_text(*lines: str) -> str:
    return "".join(f"    {line}\n" for line in lines if line)


def concurrency(key: str) -> st.SearchStrategy[str]:
    return st.builds(
        "concurrency: {{limit: {}{}{}, max_waiting: {}}}".format,
        st.sampled_from([1, 1, 2]),
        st.sampled_from(["", f', key: "{key}"']),
        st.sampled_from(
            ["", ""]
            + [f", on_overlap: {one}" for one in ("skip", "latest", "cancel_running", "kill_running")]
        ),
        st.integers(1, 3),
    )


RETRY = st.sampled_from(["", "retry: {attempts: 2, delay: 40s, jitter: none}"])
QUEUE = st.sampled_from(["", "", "queue: narrow", "queue: wide\n    priority: 5"])
PAUSES = st.sampled_from(["", "", "pause_on_failure: 2"])


@st.composite
def job_files(draw: st.DrawFn) -> str:
    load = job_text(
        'triggers: [{file: {path: in, match: "*.csv"}}]',
        draw(concurrency("{{ trigger.name }}")),
        draw(st.sampled_from(["", 'idempotency_key: "{{ trigger.name }}-{{ trigger.size }}"'])),
        draw(st.sampled_from(["", "if: trigger.size > 1"])),
        draw(RETRY),
        draw(QUEUE),
        draw(PAUSES),
        "command: ['true']",
    )
    call = job_text(
        CALLS,
        draw(st.sampled_from(["", "matrix: {a: [1, 2]}"])),
        "params: {n: {type: integer}}",
        draw(concurrency("{{ run.job }}-{{ params.n }}")),
        draw(st.sampled_from(["", 'idempotency_key: "{{ params.n }}"'])),
        draw(st.sampled_from(["", "if: params.n > 1"])),
        draw(QUEUE),
        "command: ['true']",
    )
    kind = draw(st.sampled_from(["job: load", "job: call", "any: [load, call]", "all: [load, call]"]))
    when = draw(st.sampled_from(["succeeded", "failed", "always"]))
    then = job_text(
        f"triggers: [{{after: {{{kind}, when: {when}}}}}]",
        draw(concurrency("{{ trigger.job }}-{{ trigger.status }}")),
        draw(st.sampled_from(["", 'idempotency_key: "{{ trigger.status }}"'])),
        draw(st.sampled_from(["", "if: trigger.status == 'succeeded'"])),
        draw(QUEUE),
        draw(PAUSES),
        "command: ['true']",
    )
    return f"version: 1\n{QUEUES}jobs:\n  load:\n{load}  call:\n{call}  then:\n{then}"


@st.composite
def given_events(draw: st.DrawFn) -> tuple[GivenEvent, ...]:
    """Some events, several at one instant."""
    found = []
    for _ in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(KINDS))
        moment = at(draw(st.sampled_from([5, 5, 10, 30, 30, 65, 70, 100, 200, 330])))
        if kind is TriggerKind.FILE:
            name, size = draw(st.sampled_from(NAMES)), draw(st.integers(1, 3))
            values = {"path": f"/in/{name}", "name": name, "dir": "/in", "size": size}
            found.append(GivenEvent(at=moment, job="load", trigger=kind, values=values))
        else:
            found.append(
                GivenEvent(at=moment, job="call", trigger=kind, params={"n": draw(st.integers(1, 3))})
            )
    return tuple(sorted(found, key=lambda one: one.at))


class EventDriver(Driver):
    """Tells the engine about events, too. A file is recorded when there is room, as in the engine."""

    def __init__(self, world: World, setting: Setting) -> None:
        super().__init__(world, setting)
        self.to_come = list(setting.events)
        self.files: list[GivenEvent] = []
        self.told = 0

    def wakes(self) -> Iterator[datetime]:
        yield from super().wakes()
        yield from (one.at for one in self.to_come[:1])

    def move(self, to: datetime) -> None:
        self.let_end_until(to)
        self.world.scheduler.tick()
        while self.to_come and self.to_come[0].at <= to:
            event = self.to_come.pop(0)
            if event.trigger is TriggerKind.FILE:
                self.files.append(event)
            else:
                self.record(event)
        super().move(to)
        while self.take_files():
            self.world.step()
            self.obey()

    def obey(self) -> None:
        self.world.rescuer.tick()  # sends the stop requests of this turn: a follower may have made one
        super().obey()

    def moment(self) -> Moment:
        return Moment(now=self.world.clock.now(), generation=1, new_id=self.world.new_id)

    def take_files(self) -> bool:
        took = False
        while self.files and self.record(self.files[0]):
            self.files.pop(0)
            took = True
        return took

    def record(self, event: GivenEvent) -> bool:
        world, store = self.world, self.world.store
        if event.trigger is TriggerKind.MANUAL:
            self.request(event)
            return True
        self.told += 1
        told = TriggerEvent(
            job=event.job,
            trigger=event.trigger,
            identity=str(self.told),
            at=world.clock.now(),
            trigger_values=event.values,
            arguments=event.params,
        )
        with store.transaction():
            if event.trigger is TriggerKind.FILE and not has_room(store, told, self.moment()):
                return False
            list(record_event(store, told, self.moment()))
        return True

    def request(self, event: GivenEvent) -> None:
        store = self.world.store
        version = store.job_in_force(event.job)
        assert version is not None
        spec, now = store.definition(version.digest), self.world.clock.now()
        runs = requested_runs(
            spec,
            new_id=self.world.new_id,
            digest=version.digest,
            generation=1,
            params=event.params,
            at=event.at,
            now=now,
        )
        with store.transaction():
            request_runs(store, runs, spec, self.moment())


def a_setting(text: str, lengths: list[int], failing: float, events: tuple[GivenEvent, ...]) -> Setting:
    catalog = compile_files([("jobs.yaml", text.encode())]).catalog
    assert catalog is not None, text
    specs = [one.spec for one in catalog.jobs]
    assumed = {
        spec.name: Assumed(length=timedelta(seconds=length), failing=failing)
        for spec, length in zip(specs, lengths, strict=True)
    }
    return Setting(
        jobs=specs, since=NOON + INSTANT, until=UNTIL, assumed=assumed, events=events, max_running=3
    )


@settings(max_examples=examples(12), deadline=None)
@given(
    job_files(),
    st.lists(st.sampled_from([1, 25, 60, 130]), min_size=3, max_size=3),
    st.sampled_from([0.0, 0.3, 1.0]),
    given_events(),
)
def test_a_simulation_of_events_is_what_the_engine_does(
    text: str, lengths: list[int], failing: float, events: tuple[GivenEvent, ...]
) -> None:
    setting = a_setting(text, lengths, failing, events)
    kept: dict[int, SimRun] = {}
    outcome = simulate(setting, lambda _at, _what, run: kept.update({id(run): run}))
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), text.replace(CALLS, ""), max_running=setting.max_running)
        EventDriver(world, setting).live()
        assert lived(world) == simulated(kept.values())
        assert {one.name: counts(world, one.name) for one in setting.jobs} == not_run(outcome)
        world.crash()
