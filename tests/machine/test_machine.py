"""The engine under a random life: time passes, files change, engines crash, jobs end, people cancel."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.lifecycle import ACTIVE_STATES, LEGAL_MOVES, OPEN_STATES, RunState
from engine.ports import Stop
from tests.engine.world import World

JOBS = ("one", "two")
SCHEDULES = ("every: 1m", "every: 7m", 'cron: "*/5 * * * *"', 'cron: "0 * * * *"', 'cron: "30 2 * * *"')

job_texts = st.builds(
    "    schedule: {{{}}}\n    catchup: {}\n    retry: {{attempts: {}, delay: 90s}}\n"
    "    concurrency: {{limit: {}, on_overlap: {}, max_waiting: 3}}\n    idempotent: {}\n"
    "    enabled: {}\n    command: ['true']\n".format,
    st.sampled_from(SCHEDULES),
    st.sampled_from(["none", "last", "{mode: last, window: 10m}", "all", "{mode: all, max: 2, window: 1h}"]),
    st.integers(1, 3),
    st.sampled_from(["1", "2", "none"]),
    st.sampled_from(["skip", "queue", "latest", "cancel_running", "kill_running"]),
    st.sampled_from(["true", "false"]),
    st.sampled_from(["true", "true", "true", "false"]),
)
files = st.dictionaries(st.sampled_from(JOBS), job_texts).map(
    lambda jobs: "\n".join(
        ["version: 1", "jobs:" if jobs else "jobs: {}", *(f"  {job}:\n{text}" for job, text in jobs.items())]
    )
)
spans = st.sampled_from([1, 30, 61, 300, 3_600, 4 * 3_600, 40 * 3_600, 3 * 86_400])


class Life(RuleBasedStateMachine):
    """Each rule is something that happens; the invariants hold after all of them."""

    @initialize(text=files)
    def begin(self, text: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name), text, max_running=3)
        self.is_up = True
        self.seen: dict[str, RunState] = {}
        self.covered: dict[int, object] = {}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            if self.is_up:
                self.world.crash()
            self.folder.cleanup()

    @rule(seconds=spans)
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds=seconds)
        if self.is_up:
            self.world.step()

    @rule(seconds=st.sampled_from([1, 600, 7_200]))
    def the_clock_is_set_back(self, seconds: int) -> None:
        self.world.clock.jump(seconds=-seconds)
        if self.is_up:
            self.world.step()

    @rule(text=files)
    def the_file_is_edited(self, text: str) -> None:
        if self.is_up:
            self.world.edit(text)
        else:
            self.world.tree.text = text

    @precondition(lambda self: self.is_up)
    @rule()
    def the_file_is_broken(self) -> None:
        self.world.edit("version: 1\njobs: {one: {schedule: nonsense, command: ['true']}}\n")

    @precondition(lambda self: self.is_up)
    @rule()
    def the_engine_is_killed(self) -> None:
        self.world.crash()
        self.is_up = False

    @precondition(lambda self: not self.is_up)
    @rule()
    def an_engine_starts(self) -> None:
        self.world.boot()
        self.is_up = True

    @rule(code=st.sampled_from([0, 0, 1]), which=st.integers(0, 5))
    def a_job_ends(self, code: int, which: int) -> None:
        running = self.world.launcher.running()
        if running:
            self.world.launcher.finish(running[which % len(running)], exit_code=code)

    @rule(which=st.integers(0, 5))
    def a_supervisor_dies(self, which: int) -> None:
        running = self.world.launcher.running()
        if running:
            self.world.launcher.lose(running[which % len(running)])

    @rule(which=st.integers(0, 5))
    def a_job_obeys(self, which: int) -> None:
        told = [one for one in self.world.launcher.flights.values() if one.stops and one.end is None]
        if told:
            self.world.launcher.obey(told[which % len(told)].order.attempt_id)

    @precondition(lambda self: self.is_up)
    @rule(which=st.integers(0, 5), how=st.sampled_from(Stop))
    def a_person_cancels(self, which: int, how: Stop) -> None:
        runs = self.world.store.open_runs()
        if runs:
            with self.world.store.transaction():
                self.world.store.request_stop(
                    runs[which % len(runs)].id, how, reason="by_hand", detail="", now=self.world.clock.now()
                )
            self.world.step()

    @invariant()
    def everything_is_accounted_for_once(self) -> None:
        if getattr(self, "is_up", False):
            self.world.check()

    @invariant()
    def states_move_only_as_they_may(self) -> None:
        if not getattr(self, "is_up", False):
            return
        for run in self.world.view.recent_runs(job=None, state=None, limit=10**6):
            before = self.seen.get(run.id)
            if before is not None and before is not run.state:
                assert _can_reach(before, run.state), f"{before} -> {run.state}"
            self.seen[run.id] = run.state

    @invariant()
    def the_limit_holds(self) -> None:
        if not getattr(self, "is_up", False):
            return
        for job in JOBS:
            active = [run for run in self.world.runs(job) if run.state in ACTIVE_STATES]
            limits = [run.concurrency_limit for run in active]
            assert None in limits or not limits or len(active) <= max(filter(None, limits))

    @invariant()
    def coverage_only_grows(self) -> None:
        if not getattr(self, "is_up", False):
            return
        for schedule in self.world.store.schedules_in_force():
            before = self.covered.get(schedule.id)
            assert before is None or before <= schedule.covered_until  # type: ignore[operator]  # datetimes
            self.covered[schedule.id] = schedule.covered_until

    @invariant()
    def nobody_is_in_limbo(self) -> None:
        """Every open run has a live attempt, a time to wake, or a named reason to wait."""
        if not getattr(self, "is_up", False):
            return
        live = {one.attempt.run_id for one in self.world.store.live_attempts()}
        for run in self.world.store.open_runs():
            assert run.id in live or run.retry_at is not None or run.state is RunState.QUEUED


def _can_reach(before: RunState, after: RunState) -> bool:
    """Whether a chain of legal moves leads from one state to the other: a step may make several."""
    reached, todo = set(), [before]
    while todo:
        for state in LEGAL_MOVES[todo.pop()]:
            if state not in reached:
                reached.add(state)
                if state in OPEN_STATES:
                    todo.append(state)
    return after in reached


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=50, stateful_step_count=25, deadline=None)
