"""A simulation says what the engine does: run by run, the same as the real loops on a real ledger."""

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.core.step_states import StepKey
from engine.core.vocabulary import combination_text
from engine.ports import LaunchOrder
from engine.simulation.core import simulate
from engine.simulation.subject import Absence, Assumed, Setting, SimRun, Subject
from engine.simulation.tally import Outcome
from jobfile.pipeline import compile_files
from tests.builders import HOUR, MINUTE, NOON
from tests.engine.world import World
from tests.soak import examples

INSTANT = timedelta.resolution
SCHEDULES = (
    "{every: 1m}",
    "{every: 7m}",
    "'*/5 * * * *'",
    "[{every: 3m}, '*/4 * * * *']",
    "{cron: '*/20 * * * *', spread: 15m}",
    "{every: 30s}",
)
MAX_RUNNING = 3
ABSENCES = ((), ((600, 1_300),), ((305, 312), (1_200, 1_900)), ((475, 485), (597, 604)))
"""Long and short ones, in seconds; in those of the last, occurrences fall due that are still on time."""


@dataclass(frozen=True)
class Given:
    """What is simulated and lived through."""

    text: str
    lengths: tuple[int, ...]
    failing: tuple[float, ...]
    absences: tuple[tuple[int, int], ...]


AXES = (
    ("    matrix: {a: [1, 2]}\n", ""),
    ("    matrix: {a: [1, 2], b: [1, 2]}\n", ', key: "{{ run.job }}-{{ matrix.a }}"'),
)


QUEUES = "version: 1\nqueues: {wide: {slots: 2}, narrow: {slots: 1}}\n"


def is_valid(text: str) -> bool:
    """Whether a job is without mistakes: a spread may not be longer than the start deadline (JF314)."""
    return not ("spread" in text and "start_deadline" in text)


def job_texts_with(axes: st.SearchStrategy[tuple[str, str]]) -> st.SearchStrategy[str]:
    """Jobs, each with lines and a concurrency key for its matrix."""
    return st.builds(
        "    schedule: {0}\n    catchup: {1}\n    retry: {{attempts: {2}, delay: 40s, jitter: none}}\n"
        "    concurrency: {{limit: {3}, on_overlap: {4}, max_waiting: 2{7[1]}}}\n{5}{6}{7[0]}{8}"
        "    command: ['true']\n".format,
        st.sampled_from(SCHEDULES),
        st.sampled_from(
            ["none", "last", "{mode: last, window: 10m}", "all", "{mode: all, max: 2, window: 20m}"]
        ),
        st.integers(1, 3),
        st.sampled_from(["1", "2", "none"]),
        st.sampled_from(["skip", "queue", "latest", "cancel_running", "kill_running"]),
        st.sampled_from(
            ["", "    timeout: 100s\n", "    deadline: 150s\n", "    timeout: 90s\n    deadline: 230s\n"]
        ),
        st.sampled_from(["", "    start_deadline: 2m\n"]),
        axes,
        st.sampled_from(
            ["", "", "    queue: wide\n", "    queue: narrow\n    priority: 5\n", "    priority: -3\n"]
        ),
    ).filter(is_valid)


job_texts = job_texts_with(st.just(("", "")))
given_worlds = st.builds(
    lambda jobs, lengths, failing, absences: Given(
        QUEUES + "jobs:\n" + "".join(f"  job-{n}:\n{text}" for n, text in enumerate(jobs)),
        tuple(lengths),
        tuple(failing),
        tuple(absences),
    ),
    st.lists(job_texts, min_size=1, max_size=3),
    st.lists(st.sampled_from([1, 25, 59, 60, 61, 130, 600]), min_size=3, max_size=3),
    st.lists(st.sampled_from([0.0, 0.3, 1.0]), min_size=3, max_size=3),
    st.sampled_from(ABSENCES),
)
UNTIL = NOON + 40 * MINUTE


@settings(max_examples=examples(12), deadline=None)
@example(
    Given(  # what is caught up keeps its place among the runs that wait
        "version: 1\njobs:\n  job-0:\n    schedule: {every: 3m}\n"
        "    concurrency: {on_overlap: queue}\n    command: ['true']\n",
        (935,),
        (0.0,),
        ((600, 1_300),),
    )
)
@given(given_worlds)
def test_a_simulation_is_what_the_engine_does(given: Given) -> None:
    assert_alike(given, max_running=MAX_RUNNING)


@settings(max_examples=examples(12), deadline=None)
@given(
    job_texts_with(st.sampled_from(AXES)),
    st.sampled_from([1, 25, 59, 61, 130, 600]),
    st.sampled_from([0.0, 0.3, 1.0]),
)
def test_a_simulation_of_a_matrix_is_what_the_engine_does(job: str, length: int, failing: float) -> None:
    assert_alike(Given(f"{QUEUES}jobs:\n  job-0:\n{job}", (length,), (failing,), ()), max_running=99)


def assert_alike(given: Given, *, max_running: int) -> None:
    catalog = compile_files([("jobs.yaml", given.text.encode())]).catalog
    assert catalog is not None, given.text
    specs = [one.spec for one in catalog.jobs]
    assumed = {
        spec.name: Assumed(length=timedelta(seconds=given.lengths[index]), failing=given.failing[index])
        for index, spec in enumerate(specs)
    }
    setting = Setting(
        jobs=specs,
        since=NOON + INSTANT,  # a schedule does not own the instant of its activation
        until=UNTIL,
        assumed=assumed,
        absences=[Absence(since=at(since), until=at(until)) for since, until in given.absences],
        max_running=max_running,
    )
    kept: dict[int, SimRun] = {}
    outcome = simulate(setting, lambda _at, _what, run: kept.update({id(run): run}))
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), given.text, max_running=max_running)
        Driver(world, setting).live()
        assert lived(world) == simulated(kept.values())
        assert {name: counts(world, name) for name in assumed} == not_run(outcome)
        world.crash()


# jobs after other jobs


@st.composite
def worlds_of_followers(draw: st.DrawFn) -> tuple[str, dict[str, Assumed]]:
    every = st.sampled_from(["{every: 7m}", "{every: 14m}"])
    jobs = {job: f"schedule: {draw(every)}" for job in "ab"}
    for number, job in enumerate("cde", start=2):
        known = "abcde"[:number]
        kind, when = (
            draw(st.sampled_from(["all", "any"])),
            draw(st.sampled_from(["succeeded", "failed", "always"])),
        )
        some = draw(st.lists(st.sampled_from(known), min_size=1, max_size=2, unique=True))
        after = (
            f"{{{kind}: [{', '.join(some)}], when: {when}}}"
            if len(some) > 1
            else f"{{job: {some[0]}, when: {when}}}"
        )
        jobs[job] = f"triggers: [{{after: {after}}}]"
    lines = [
        f"  {job}: {{{keys}, concurrency: {{limit: none}}, command: ['true']}}\n"
        for job, keys in jobs.items()
    ]
    lengths = st.sampled_from([1, 25, 59, 130])
    assumed = {
        job: Assumed(length=timedelta(seconds=draw(lengths)), failing=draw(st.sampled_from([0.0, 0.3, 1.0])))
        for job in jobs
    }
    return "version: 1\njobs:\n" + "".join(lines), assumed


@settings(max_examples=examples(12), deadline=None)
@given(worlds_of_followers())
def test_a_simulation_starts_the_followers_that_the_engine_starts(
    world_: tuple[str, dict[str, Assumed]],
) -> None:
    text, assumed = world_
    catalog = compile_files([("jobs.yaml", text.encode())]).catalog
    assert catalog is not None, text
    specs = [one.spec for one in catalog.jobs]
    setting = Setting(jobs=specs, since=NOON + INSTANT, until=UNTIL, assumed=assumed, max_running=99)
    kept: dict[int, SimRun] = {}
    simulate(setting, lambda _at, _what, run: kept.update({id(run): run}))
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), text, max_running=99)
        Driver(world, setting).live()
        assert lived(world) == simulated(kept.values())
        world.crash()


# jobs with steps


rests = st.builds(
    "        command: ['true']\n        retry: {{attempts: {}, delay: 40s, jitter: none}}\n{}{}{}".format,
    st.integers(1, 2),
    st.sampled_from(["", "        timeout: 100s\n"]),
    st.sampled_from(["", "        allow_failure: true\n"]),
    st.sampled_from(["", "        for_each: params.files\n        max_parallel: 2\n"]),
)
HEAD = """version: 1
jobs:
  a:
    schedule: {{every: {}}}
    catchup: last
    retry: {{attempts: {}, delay: 90s, jitter: none}}
    concurrency: {{limit: 1, on_overlap: {}}}
    params: {{files: {{type: array, items: {{type: string}}, default: [x, y, z]}}}}
{}    steps:
"""
heads = st.builds(
    HEAD.format,
    st.sampled_from(["7m", "3m"]),
    st.integers(1, 3),
    st.sampled_from(["skip", "queue", "cancel_running", "kill_running"]),
    st.sampled_from(
        ["", "    timeout: 250s\n", "    deadline: 200s\n", "    timeout: 150s\n    deadline: 330s\n"]
    ),
)


@st.composite
def worlds_with_steps(draw: st.DrawFn) -> tuple[str, dict[str, Assumed]]:
    count = draw(st.integers(1, 4))
    lines, assumed = [], {}
    for n in range(count):
        needs = draw(st.sampled_from(["", "[]", *(f"[s{other}]" for other in range(n))]))
        condition = ""
        if n and draw(st.booleans()):
            needs, condition = f"[s{n - 1}]", f"        if: steps.s{n - 1}.status == 'succeeded'\n"
        written = f"        needs: {needs}\n" if needs else ""
        lines.append(f"      s{n}:\n{draw(rests)}{written}{condition}")
        length = timedelta(seconds=draw(st.sampled_from([1, 25, 60, 130])))
        assumed[f"s{n}"] = Assumed(length=length, failing=draw(st.sampled_from([0.0, 0.0, 0.3, 1.0])))
    return draw(heads) + "".join(lines), assumed


STEP = "      {}:\n        command: ['true']\n        needs: []\n"


@settings(max_examples=examples(12), deadline=None)
@example(  # a step of a run that is replaced had failed before: the run has failed
    (
        HEAD.format("3m", 1, "cancel_running", "") + STEP.format("s0") + STEP.format("s1"),
        {"s0": Assumed(length=MINUTE, failing=1.0), "s1": Assumed(length=HOUR)},
    ),
    (),
)
@given(worlds_with_steps(), st.sampled_from(ABSENCES))
def test_a_simulation_of_steps_is_what_the_engine_does(
    world_: tuple[str, dict[str, Assumed]], absences: tuple[tuple[int, int], ...]
) -> None:
    text, steps = world_
    catalog = compile_files([("jobs.yaml", text.encode())]).catalog
    assert catalog is not None, text
    setting = Setting(
        jobs=[one.spec for one in catalog.jobs],
        since=NOON + INSTANT,
        until=UNTIL,
        assumed={"a": Assumed(length=MINUTE, steps=steps)},
        absences=[Absence(since=at(since), until=at(until)) for since, until in absences],
    )
    kept: dict[int, SimRun] = {}
    outcome = simulate(setting, lambda _at, _what, run: kept.update({id(run): run}))
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), text, max_running=setting.max_running)
        Driver(world, setting).live()
        assert lived(world) == simulated(kept.values())
        assert {"a": counts(world, "a")} == not_run(outcome)
        world.crash()


def at(seconds: int) -> datetime:
    return NOON + timedelta(seconds=seconds)


def lived(world: World) -> list[tuple[object, ...]]:
    runs = [run for job in jobs_of(world) for run in world.runs(job) if run.attempt]
    return sorted(_row(run.job, run) for run in runs)


def simulated(runs: Iterable[SimRun]) -> list[tuple[object, ...]]:
    return sorted(_row(run.subject.spec.name, run) for run in runs if run.attempt)


def _row(job: str, run: Run | SimRun) -> tuple[object, ...]:
    started = None if run.started_at is None else f"{run.started_at:%H:%M:%S}"
    ended = None if run.ended_at is None else f"{run.ended_at:%H:%M:%S}"
    wanted = f"{run.scheduled_for:%H:%M:%S}"
    job += combination_text(dict(sorted(run.matrix.items())))
    return (job, wanted, run.trigger.value, run.state.value, run.reason, run.attempt, started, ended)


def jobs_of(world: World) -> list[str]:
    return [version.job for version in world.store.jobs_in_force()]


def counts(world: World, job: str) -> Counter[tuple[str, str]]:
    """What did not run, and why."""
    found: Counter[tuple[str, str]] = Counter()
    for run in world.runs(job):
        if run.attempt == 0:
            found[run.state.value, run.reason] += 1
        elif run.state is RunState.CANCELLED:
            found["cancelled", "replaced"] += 1
    for gap in world.view.gaps_between(job, since=NOON, until=UNTIL + HOUR):
        version = world.store.job_in_force(job)
        assert version is not None
        found[gap.state.value, gap.reason] += gap.count * max(
            1, len(world.store.definition(version.digest).matrix)
        )
    return found


def not_run(outcome: Outcome) -> dict[str, Counter[tuple[str, str]]]:
    return {row.job: row.not_run for row in outcome.jobs}


class Driver:
    """Lives through a setting: steps the real loops at each instant at which something happens."""

    def __init__(self, world: World, setting: Setting) -> None:
        self.world = world
        self.setting = setting
        self.tries: dict[str, tuple[int, int]] = {}
        self.subjects = {
            spec.name: Subject(index, spec, setting.assumed[spec.name])
            for index, spec in enumerate(setting.jobs)
        }

    def live(self) -> None:
        for absence in self.setting.absences:
            self.until(absence.since - INSTANT)
            self.world.crash()
            self.let_end_until(absence.until)
            self.world.boot()
            self.note_steps()
            self.obey()
        self.until(self.setting.until - INSTANT)
        self.world.scheduler._heap.clear()  # the window is over: nothing more falls due
        while self.world.has_open_runs():
            self.move(min(self.wakes()))

    def until(self, end: datetime) -> None:
        while (following := min(self.wakes(), default=end)) < end:
            self.move(following)
        self.move(end)

    def move(self, to: datetime) -> None:
        self.let_end_until(to)
        self.world.step()
        self.note_steps()
        self.obey()

    def obey(self) -> None:
        """What is told to stop ends at once."""
        launcher = self.world.launcher
        while told := [one for one in launcher.flights.values() if one.stops and one.end is None]:
            for one in told:
                launcher.obey(one.order.attempt_id)
            self.world.step()
            self.note_steps()

    def wakes(self) -> Iterator[datetime]:
        world, now = self.world, self.world.clock.now()
        yield from (end for end, _ in self.ends())
        fire = world.scheduler._heap[0][0] if world.scheduler._heap else None
        pace = world.worker._pace.left(world.clock.elapsed())
        times = [fire, world.store.next_undecided(), world.store.next_wake(now=now)]
        times.append(world.store.steps.next_wake(now=now))
        if pace:
            times.append(now + timedelta(seconds=pace))
        yield from (one for one in times if one is not None and one > now)

    def ends(self) -> list[tuple[datetime, str]]:
        return [
            (one.launched_at + self.length_of(one.order), one.order.attempt_id)
            for one in self.world.launcher.flights.values()
            if one.end is None
        ]

    def length_of(self, order: LaunchOrder) -> timedelta:
        subject = self.subjects[order.env["JOBFILE_JOB"]]
        step = order.attempt.step
        length = subject.step_lengths[step] if step else subject.assumed.length
        assert order.timeout_seconds is not None
        return min(length, timedelta(seconds=order.timeout_seconds))

    def let_end_until(self, to: datetime) -> None:
        """Time passes; what is over by then ends at its time."""
        world = self.world
        for end, attempt in sorted(self.ends()):
            if end <= to:
                world.clock.advance(seconds=(end - world.clock.now()).total_seconds())
                self.finish(attempt)
        world.clock.advance(seconds=(to - world.clock.now()).total_seconds())

    def finish(self, attempt: str) -> None:
        flight = next(one for one in self.world.launcher.flights.values() if one.order.attempt_id == attempt)
        subject = self.subjects[flight.order.env["JOBFILE_JOB"]]
        like = SimRun(subject, self.wanted(flight.order.env), TriggerKind.SCHEDULE, self.world.clock.now())
        if flight.order.attempt.step:
            self.finish_step(like, flight.order)
            return
        like.attempt = int(flight.order.env["JOBFILE_ATTEMPT"])
        axes = [name for name in sorted(flight.order.env) if name.startswith("JOBFILE_MATRIX_")]
        like.matrix = {name.rpartition("_")[2].lower(): flight.order.env[name] for name in axes}
        if self.length_of(flight.order) < subject.assumed.length:
            self.world.launcher.time_out(attempt)
        else:
            self.world.launcher.finish(attempt, exit_code=int(subject.fails(like, self.setting.seed)))

    def note_steps(self) -> None:
        """Note the round and the try of each new attempt of a step: later, the ledger may be closed."""
        for attempt in [one.order.attempt for one in self.world.launcher.flights.values()]:
            if attempt.step and attempt.id not in self.tries:
                run = self.world.store.run(attempt.run_id)
                states = {one.key: one for one in self.world.store.steps.of_run(attempt.run_id)}
                assert run is not None
                self.tries[attempt.id] = run.attempt, states[StepKey(attempt.step, attempt.item)].tries

    def finish_step(self, like: SimRun, order: LaunchOrder) -> None:
        step, key = order.attempt.step, StepKey(order.attempt.step, order.attempt.item)
        like.attempt, tries = self.tries[order.attempt_id]
        if self.length_of(order) < like.subject.step_lengths[step]:
            self.world.launcher.time_out(order.attempt_id)
        else:
            fails = like.subject.step_fails(like, self.setting.seed, key, tries)
            self.world.launcher.finish(order.attempt_id, exit_code=int(fails))

    def wanted(self, env: Mapping[str, str]) -> datetime:
        return datetime.fromisoformat(env["JOBFILE_SCHEDULED_AT"]).astimezone(NOON.tzinfo)
