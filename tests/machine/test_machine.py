"""The engine in a random life: time passes, files change, engines crash, jobs end, users cancel."""

import tempfile
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.answers.why import why
from engine.core.lifecycle import ACTIVE_STATES, LEGAL_MOVES, OPEN_STATES, Ended, Lost, RunState
from engine.ports import Stop
from tests.engine.world import World
from tests.soak import examples

JOBS = ("one", "two")
SCHEDULES = (
    "every: 1m",
    "every: 7m",
    'cron: "*/5 * * * *"',
    'cron: "0 * * * *"',
    'cron: "30 2 * * *"',
    'cron: "0 * * * *", spread: 40m',
    "every: 10m, spread: 9m",
)

job_texts = st.builds(
    "    schedule: {{{0}}}\n    catchup: {1}\n    retry: {{attempts: {2}, delay: 90s}}\n"
    "    concurrency: {{limit: {3}, on_overlap: {4}, max_waiting: 3{8[1]}}}\n    idempotent: {5}\n"
    "    enabled: {6}\n{7}{8[0]}    command: ['true']\n".format,
    st.sampled_from(SCHEDULES),
    st.sampled_from(["none", "last", "{mode: last, window: 10m}", "all", "{mode: all, max: 2, window: 1h}"]),
    st.integers(1, 3),
    st.sampled_from(["1", "2", "none"]),
    st.sampled_from(["skip", "queue", "latest", "cancel_running", "kill_running"]),
    st.sampled_from(["true", "false"]),
    st.sampled_from(["true", "true", "true", "false"]),
    st.sampled_from(["", "", "    start_deadline: 5m\n", "    pause_on_failure: 2\n"]),
    st.sampled_from(
        [
            ("", ""),
            ("", ""),
            ("    matrix: {a: [1, 2, 3]}\n", ""),
            ("    matrix: {a: [1, 2], b: [1, 2]}\n", ', key: "k-{{ matrix.a }}"'),
        ]
    ),
)
files = st.dictionaries(st.sampled_from(JOBS), job_texts).map(
    lambda jobs: "\n".join(
        ["version: 1", "jobs:" if jobs else "jobs: {}", *(f"  {job}:\n{text}" for job, text in jobs.items())]
    )
)
spans = st.sampled_from([1, 30, 61, 300, 3_600, 4 * 3_600, 40 * 3_600, 3 * 86_400])


class Life(RuleBasedStateMachine):
    """Each rule is an event; the invariants must hold after each."""

    @initialize(text=files)
    def begin(self, text: str) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name), text, max_running=3)
        self.is_up = True
        self.seen: dict[str, RunState] = {}
        self.covered: dict[int, object] = {}
        self.epoch = 0

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

    @rule(seconds=st.sampled_from([-1, -600, -7_200, -5 * 3_600, 3, 600, 7_200, 90 * 86_400]))
    def the_clock_is_set(self, seconds: int) -> None:
        self.world.clock.jump(seconds=seconds)
        if self.is_up:
            self.world.step()

    @precondition(lambda self: self.is_up and self.world.guard.is_held)
    @rule()
    def a_person_accepts_the_clock(self) -> None:
        with self.world.store.transaction():
            self.world.store.incidents.accept_hold(actor="anna")
        self.world.step()

    @precondition(lambda self: not self.is_up)
    @rule()
    def the_host_boots_anew(self) -> None:
        """No process survives, and supervisors that died with the host have not recorded an end."""
        for attempt in self.world.launcher.running():
            self.world.launcher.lose(attempt)
        self.world.boot_id += "'"
        self.world.clock.boot_seconds = 0.0

    @rule(job=st.sampled_from(JOBS), minutes=st.sampled_from([None, 3, 90, 5_000]))
    def a_job_is_paused(self, job: str, minutes: int | None) -> None:
        if self.is_up and self.world.store.knows_job(job):
            self.world.pause(job, minutes=minutes)

    @rule(job=st.sampled_from(JOBS))
    def a_job_is_resumed(self, job: str) -> None:
        if self.is_up:
            with self.world.store.transaction():
                self.world.store.pauses.end(job, by="anna", now=self.world.clock.now())

    @precondition(lambda self: self.is_up)
    @rule(old=st.sampled_from(JOBS), new=st.sampled_from([*JOBS, "three", "four"]), text=job_texts)
    def a_job_is_renamed(self, old: str, new: str, text: str) -> None:
        self.world.edit(f"version: 1\njobs:\n  {new}:\n    renamed_from: {old}\n{text}")

    @precondition(lambda self: self.is_up)
    @rule(job=st.sampled_from(JOBS))
    def a_person_asks_for_a_run(self, job: str) -> None:
        if job in {version.job for version in self.world.store.jobs_in_force()}:
            self.world.run_by_hand(job)

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

    @precondition(lambda self: self.is_up)
    @rule(which=st.integers(0, 5), code=st.sampled_from([0, 1]))
    def the_end_of_a_lost_attempt_turns_up(self, which: int, code: int) -> None:
        flights = self.world.launcher.flights.values()
        lost = [one.order.attempt_id for one in flights if isinstance(one.end, Lost)]
        if lost:
            self.world.launcher.finish(lost[which % len(lost)], exit_code=code)
            self.world.housekeeper().resolve()

    @precondition(lambda self: self.is_up and not self.world.guard.is_held)
    @rule()
    def old_runs_are_taken_away(self) -> None:
        while self.world.housekeeper(keep_days=1).prune(counts=True):
            pass

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
        open_runs = self.world.store.open_runs()
        for key in {run.concurrency_key for run in open_runs}:
            active = [run for run in open_runs if run.concurrency_key == key and run.state in ACTIVE_STATES]
            limits = [run.concurrency_limit for run in active]
            slots = {run.slot or run.id for run in active}
            assert None in limits or not limits or len(slots) <= max(filter(None, limits))

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
            named = run.state is RunState.QUEUED and (run.reason or run.not_before <= self.world.clock.now())
            assert run.id in live or run.retry_at is not None or named or self.world.guard.is_held

    @invariant()
    def the_engine_epoch_only_grows(self) -> None:
        if getattr(self, "is_up", False):
            assert self.epoch <= self.world.epoch
            self.epoch = self.world.epoch

    @invariant()
    def no_run_started_before_its_time(self) -> None:
        """By the clock of that time: if the clock is set back later, that does not make the run early."""
        if not getattr(self, "is_up", False):
            return
        for run in self.world.view.recent_runs(job=None, state=None, limit=10**6):
            assert run.started_at is None or run.attempt == 0 or run.queued_at is not None
            if run.started_at is not None and run.schedule_key is not None:
                assert run.started_at >= run.not_before

    @invariant()
    def success_has_evidence(self) -> None:
        """I7: a run succeeded exactly when its last attempt has a recorded end with exit code 0."""
        if not getattr(self, "is_up", False):
            return
        for run in self.world.view.recent_runs(job=None, state=RunState.SUCCEEDED, limit=10**6):
            folder = self.world.config.attempt_dir(run.last_attempt)
            end = self.world.launcher.flights[folder].end
            assert isinstance(end, Ended)
            assert end.exit_code == 0

    @invariant()
    def attempts_are_numbered_without_a_hole(self) -> None:
        """I5: and at most the last one of a run is alive."""
        if not getattr(self, "is_up", False):
            return
        for run in self.world.view.recent_runs(job=None, state=None, limit=30):
            attempts = self.world.view.attempts(run.id)
            assert [one.number for one in attempts] == list(range(1, run.attempt + 1))
            assert all(one.ended_at is not None for one in attempts[:-1])

    @invariant()
    def every_instant_has_a_story(self) -> None:
        """I12: now, the newest accounted ones, and one that nothing ever named."""
        if not getattr(self, "is_up", False):
            return
        now = self.world.clock.now()
        for job in (*JOBS, "three", "nobody"):
            schedule = self.world.store.schedule_in_force(job, "default")
            asked = [now, now - timedelta(minutes=3)] + ([schedule.covered_until] if schedule else [])
            for at in asked:
                story = why(self.world.view, job, min(at, now), zone=ZoneInfo("UTC"), now=now)
                assert story.headline
                assert story.state is not None or story.reason

    @invariant()
    def what_a_pause_covers_did_not_run(self) -> None:
        if not getattr(self, "is_up", False):
            return
        for gap in self.world.all_gaps():
            if gap.reason == "paused":
                pauses = self.world.view.pauses_between(gap.job, since=gap.first_at, until=gap.last_at)
                for at in self.world.instants(gap):
                    assert any(pause.holds_at(at) for pause in pauses)


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
TestLife.settings = settings(max_examples=examples(15), stateful_step_count=25, deadline=None)
