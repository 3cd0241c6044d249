"""Runs a case: the engine's real loops on a real ledger, under a virtual clock. Nothing is executed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Final

from engine.actions.unsupported import beyond_engine_of
from engine.answers.combinations import has_values
from engine.casetests.cases import Case, GivenAttempt
from engine.casetests.responses import OF_A_REQUEST, end_of_request
from engine.config import EngineConfig
from engine.core.lifecycle import AttemptKey, Run, RunState, TriggerEvent, TriggerKind
from engine.core.reasons import Reason
from engine.core.records import Generation
from engine.core.retry import attempt_limit, retry_delay
from engine.core.vocabulary import place_text, value_text
from engine.ledger.opening import open_ledger
from engine.ports import LaunchOrder
from engine.programs import REQUEST
from engine.service.duties import Parts, make_loops
from engine.testing import FakeClock, KeptJournal, ScriptedLauncher, start_session
from engine.transactions.account import Moment, request_runs, requested_runs
from engine.transactions.apply import apply_catalog
from engine.transactions.steps import has_steps
from engine.transactions.trigger_events import record_event
from engine.triggers.described import Described, NotSuchAnEventError, described
from jobfile.diagnostics.suggest import suggest
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.params import bind_params
from jobfile.model.catalog import CompiledJob, build_catalog
from jobfile.model.jobs import Jitter, JobSpec, RetrySpec, StepsAction
from jobfile.model.namedtuple import NamedTuple
from jobfile.schedule.occurrences import fire_at

BOOT_ID = "boot-1"
NEVER_TOO_EARLY = datetime(1970, 1, 1, tzinfo=UTC)
"""Cases may be about any time."""
EVENTS: Final = (TriggerKind.FILE, TriggerKind.AFTER, TriggerKind.WEBHOOK, TriggerKind.BOOT)
"""What can start the run of a case beside its schedule and a user."""
BROKEN: Final = "the case says so"
"""Which check of `expect` an attempt does not pass."""
_SECOND = timedelta(seconds=1)
MAX_WAIT = timedelta(days=366)
"""The longest time that may pass in a case."""


class Place(NamedTuple):
    """Where a case runs: beside which jobs, in which folder of a main file, and on which ledger."""

    jobs: Mapping[str, JobSpec]
    main_folder: Path
    ledger: Path


class CannotTestError(Exception):
    """The case cannot run: its input does not fit the job, or the engine cannot run the job yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """The result of the run of a case."""

    run: Run
    spec: JobSpec
    order: LaunchOrder | None
    waits: tuple[timedelta, ...]
    written_waits: tuple[timedelta, ...]
    steps: Mapping[str, str]
    """The state of each decided step."""


def live(case: Case, job: CompiledJob, place: Place, *, at: datetime) -> Lived:
    """Run the job with the input of the case."""
    _refuse_no_check(case, job.spec)
    event = _event_of(case, job.spec, place)
    engine = _Engine(case, _of_one_combination(_without_outside(job), case), place.ledger, at, event)
    try:
        engine.begin()
        return engine.lived()
    finally:
        engine.store.close()


def _refuse_no_check(case: Case, spec: JobSpec) -> None:
    """Refuse an attempt that breaks a check of `expect` if the job has none."""
    attempts = (*case.given.attempts, *(one for each in case.given.steps.values() for one in each))
    if any(one.kind == Reason.EXPECTATION for one in attempts) and not spec.expect.has_checks:
        raise CannotTestError(
            f"`{spec.name}` has none of `files`, `log`, `stdout`, `stderr`, `outputs` and `min_duration` in "
            "`expect`, so an attempt of it cannot end with `expectation`"
        )


def _event_of(case: Case, spec: JobSpec, place: Place) -> Described | None:
    """The event that starts the run of a case; None if its schedule or a user does."""
    if case.given.trigger not in EVENTS:
        return None
    kind = TriggerKind(case.given.trigger)
    try:
        return described(spec, kind, case.given.event, jobs=place.jobs, base=place.main_folder)
    except NotSuchAnEventError as error:
        raise CannotTestError(str(error)) from error


def _without_outside(job: CompiledJob) -> CompiledJob:
    """The job without parts that need the outside world, or that do not matter here."""
    spec = job.spec
    action = spec.action
    if isinstance(action, StepsAction):
        bare_steps = (replace(one, secrets=_stand_ins(spec.given(one.secrets))) for one in action.steps)
        action = replace(action, steps=tuple(bare_steps))
    bare = replace(
        spec,
        action=action,
        secrets=_stand_ins(spec.given(spec.secrets)),
        working_dir=None,
        notify={},
        expect=type(job.spec.expect)(),
        triggers=(),
        queue=None,
        priority=0,
        renamed_from=None,
    )
    made = CompiledJob(spec=bare, origin=job.origin)
    beyond = beyond_engine_of(made)
    if beyond:
        raise CannotTestError(beyond.partition(": ")[2])
    return made


def _of_one_combination(job: CompiledJob, case: Case) -> CompiledJob:
    """The job with only the first combination of its matrix that the case names."""
    wanted = {name: value_text(value) for name, value in case.given.matrix.items()}
    found = [one for one in job.spec.matrix if has_values(one, wanted)]
    if wanted and not found:
        named = ", ".join(f"{name}={value}" for name, value in wanted.items())
        raise CannotTestError(f"the job's matrix has no combination with {named}")
    return replace(job, spec=replace(job.spec, matrix=tuple(found[:1])))


def _stand_ins(secrets: Mapping[str, str]) -> dict[str, str]:
    """The secrets of a job or step, read from values that stand for them."""
    return {name: f"env:{_secret_name(name)}" for name in secrets}


def _secret_names(spec: JobSpec) -> set[str]:
    steps = spec.action.steps if isinstance(spec.action, StepsAction) else ()
    return {name for named in (spec.secrets, *(one.secrets for one in steps)) for name in named}


def _secret_name(name: str) -> str:
    return f"JOBFILE_SECRET_{name}"


class _Engine:
    """The loops of an engine without threads and processes, for one run."""

    def __init__(
        self, case: Case, job: CompiledJob, ledger: Path, at: datetime, event: Described | None
    ) -> None:
        self.case = case
        self.event = event
        self.job = job
        self.at = at
        self.clock = FakeClock(at - _SECOND)
        self.launcher = ScriptedLauncher(self.clock)
        self.ids = count(1)
        self.waits: list[timedelta] = []
        self.run_id = ""
        self.made: set[str] = set()
        environ = {"PATH": "/usr/bin:/bin", **case.given.env}
        environ |= {_secret_name(name): f"secret:{name}" for name in _secret_names(job.spec)}
        self.config = EngineConfig(
            main_file=ledger.parent / "jobs.yaml", state_dir=ledger.parent, environ=environ
        )
        self.store = open_ledger(self.config.ledger_url)
        epoch, before = start_session(self.store, self.clock, boot_id=BOOT_ID)
        self.loops = make_loops(
            Parts(
                store=self.store,
                clock=self.clock,
                launcher=self.launcher,
                config=self.config,
                new_id=self.new_id,
                journal=KeptJournal(),
                boot_id=BOOT_ID,
                epoch=epoch,
                before=before,
                built_at=NEVER_TOO_EARLY,
            )
        )

    def new_id(self) -> str:
        return f"{next(self.ids):032x}"

    def begin(self) -> None:
        """Put the job in force, start an earlier run if the case has one, and request the run of the case."""
        now = self.clock.now()
        catalog = build_catalog([self.job])
        generation = Generation(0, catalog.digest, now, "test", "jobs.yaml", "")
        with self.store.transaction():
            list(apply_catalog(self.store, catalog, generation, self.moment()))
        kind = self.event.trigger if self.event else trigger_of(self.case, self.job.spec, self.at)
        if self.case.given.is_running:
            self.start(now)
        self.clock.advance(seconds=(self.at - now).total_seconds())
        if kind is not TriggerKind.SCHEDULE:
            self.run_id = self.start(self.at)
        else:
            self.loops.scheduler.tick()
            found = self.store.newest_occurrences(self.job.spec.name, limit=5)
            self.run_id = next(run.id for run in found if run.scheduled_for == self.at)
        self.loops.settle_and_start()

    def moment(self) -> Moment:
        return Moment(now=self.clock.now(), generation=1, new_id=self.new_id)

    def start(self, at: datetime) -> str:
        """Make a run by the event of the case, or by hand; returns its id."""
        try:
            run_id = self.tell(self.event, at) if self.event else self.request(at)
        except EvaluationError as error:
            raise CannotTestError(f"no run is made: {error}") from error
        if run_id in self.made:
            raise CannotTestError("no run is made: the active run has the same idempotency key")
        self.made.add(run_id)
        self.loops.settle_and_start()
        return run_id

    def tell(self, about: Described, at: datetime) -> str:
        """Record an event."""
        event = TriggerEvent(
            job=self.job.spec.name,
            trigger=about.trigger,
            identity=f"{len(self.made)}",
            at=at,
            trigger_values=about.trigger_values,
            arguments=about.arguments,
        )
        with self.store.transaction():
            list(record_event(self.store, event, self.moment()))
        return self.store.trigger_events.run_of(event)

    def request(self, at: datetime) -> str:
        """Request a run."""
        spec = self.job.spec
        params, problems = bind_params(spec.params, self.case.given.params, from_text=False)
        if problems:
            raise CannotTestError(f"param `{problems[0].name}`: {problems[0].message}")
        (run,) = requested_runs(
            spec,
            new_id=self.new_id,
            digest=self.job.digest,
            generation=1,
            params=params,
            at=at,
            now=self.clock.now(),
        )
        with self.store.transaction():
            recorded, _ = request_runs(self.store, [run], spec, self.moment())
        return recorded[0].id

    def run(self) -> Run:
        run = self.store.run(self.run_id)
        assert run is not None
        return run

    def lived(self) -> Lived:
        if self.run().reason == Reason.SPREAD:
            self.clock.advance(seconds=(self.run().not_before - self.clock.now()).total_seconds())
            self.loops.scheduler.tick()
            self.loops.settle_and_start()
        if has_steps(self.job.spec):
            self.live_steps()
            return self.outcome()
        given = self.case.given.attempts
        attempts = given or (GivenAttempt(kind="succeeds"),)
        for number, attempt in enumerate(attempts, 1):
            if self.run().state is RunState.RETRY_WAIT:
                self.wait_for_retry()
            if self.run().state is not RunState.RUNNING:
                if given:
                    raise CannotTestError(self.too_many(number))
                break
            self.end(attempt)
        return self.outcome()

    def live_steps(self) -> None:
        """End the attempts of steps as the case says, until the run is over or nothing would ever start."""
        self.refuse_unknown_steps()
        if self.case.given.attempts:
            raise CannotTestError("the job has steps: write `given.steps` instead of `given.attempts`")
        while not self.run().state.is_final:
            for flight in [one for one in self.launcher.flights.values() if one.end is None]:
                self.end_step(flight.order.attempt)
            if self.run().state is RunState.RETRY_WAIT:
                self.wait_for_retry()
            elif not self.launcher.running():
                wake = self.store.steps.next_wake(now=self.clock.now())
                if wake is None:
                    return
                self.clock.advance(seconds=(wake - self.clock.now()).total_seconds())
                self.loops.settle_and_start()

    def end_step(self, key: AttemptKey) -> None:
        """End an attempt of a step."""
        given = self.case.given
        results = given.steps.get(place_text(key.step, key.item), given.steps.get(key.step, ()))
        done = results[key.number - 1] if key.number <= len(results) else GivenAttempt(kind="succeeds")
        self.clock.advance(seconds=done.after.total_seconds())
        if done.kind == "times out":
            self.launcher.time_out(key.id)
        else:
            self.finish(key, done, outputs=json.dumps(dict(given.outputs.get(key.step, {}))))
        self.loops.settle_and_start()

    def finish(self, key: AttemptKey, done: GivenAttempt, *, outputs: str | None) -> None:
        """End an attempt within its time; `outputs` are those of a process."""
        if done.kind == "lost":
            self.launcher.lose(key.id)
        elif done.kind == "signal":
            self.launcher.finish(key.id, exit_code=None, signal=done.code)
        elif done.kind in OF_A_REQUEST:
            flight = next(one for one in self.launcher.flights.values() if one.order.attempt == key)
            if REQUEST not in flight.order.env:
                raise CannotTestError(self.no_request(key, done))
            end = end_of_request(flight.order.env[REQUEST], done)
            self.launcher.finish(key.id, exit_code=end.exit_code, outputs=end.outputs)
        else:
            unmet = BROKEN if done.kind == Reason.EXPECTATION else ""
            self.launcher.finish(key.id, exit_code=done.code, outputs=outputs, unmet=unmet)

    def no_request(self, key: AttemptKey, done: GivenAttempt) -> str:
        """Why an attempt cannot get a response."""
        what = f"step `{key.step}`" if key.step else f"`{self.job.spec.name}`"
        return f"{what} sends no request, so an attempt of it cannot end with `{done.kind}`"

    def refuse_unknown_steps(self) -> None:
        """Refuse names of steps that the job does not have."""
        action = self.job.spec.action
        assert isinstance(action, StepsAction)
        known = [step.name for step in action.steps]
        for name in (*self.case.given.steps, *self.case.given.outputs, *self.named_in_expect()):
            if name.partition("[")[0] not in known:
                near = suggest(name, known)
                hint = f"; did you mean {' or '.join(near)}?" if near else f"; its steps: {', '.join(known)}"
                raise CannotTestError(f"`{self.job.spec.name}` has no step `{name}`{hint}")

    def named_in_expect(self) -> tuple[str, ...]:
        """The steps about which the case expects something."""
        expected = self.case.expected.get("steps", {})
        return tuple(expected) if isinstance(expected, Mapping) else ()

    def too_many(self, number: int) -> str:
        run = self.run()
        what = f"{run.state.value}{f' ({run.reason})' if run.reason else ''}"
        return f"attempt {number} of `given.attempts` never starts: the run is {what} after {run.attempt}"

    def wait_for_retry(self) -> None:
        run = self.run()
        assert run.retry_at is not None
        wait = run.retry_at - self.clock.now()
        self.waits.append(wait)
        self.clock.advance(seconds=wait.total_seconds())
        self.loops.settle_and_start()

    def end(self, attempt: GivenAttempt) -> None:
        """End the running attempt as the case says, within its timeout."""
        key = self.run().last_attempt
        timeout = attempt_limit(self.job.spec, self.run(), now=self.clock.now())
        if attempt.kind == "times out" and timeout is None:
            raise CannotTestError("the job has `timeout: none`, so no attempt of it times out")
        is_late = attempt.kind == "times out" or (timeout is not None and attempt.after > timeout)
        length = timeout if is_late and timeout is not None else attempt.after
        self.clock.advance(seconds=min(length, MAX_WAIT).total_seconds())
        if is_late:
            self.launcher.time_out(key.id)
        else:
            self.finish(key, attempt, outputs=None)
        self.loops.settle_and_start()

    def outcome(self) -> Lived:
        run = self.run()
        if run.retry_at is not None:
            self.waits.append(run.retry_at - self.clock.now())
        orders = {flight.order.attempt_id: flight.order for flight in self.launcher.flights.values()}
        return Lived(
            run=run,
            spec=self.job.spec,
            order=orders.get(f"{run.id}-{run.attempt}"),
            steps={one.step: one.state.value for one in self.store.steps.of_run(run.id) if not one.item},
            waits=tuple(self.waits),
            written_waits=tuple(
                _written(wait, self.job.spec.retry, run, number) for number, wait in enumerate(self.waits, 1)
            ),
        )


def _written(wait: timedelta, retry: RetrySpec, run: Run, attempt: int) -> timedelta:
    """The wait after an attempt without jitter, as in the file; a server may have asked to wait longer."""
    asked = wait if wait > retry_delay(retry, run_id=run.id, attempt=attempt) else timedelta()
    return max(asked, retry_delay(replace(retry, jitter=Jitter.NONE), run_id=run.id, attempt=attempt))


def trigger_of(case: Case, spec: JobSpec, at: datetime) -> TriggerKind:
    """Whether the run of a case is scheduled or requested."""
    is_scheduled = spec.enabled and fire_at(spec.schedule, at) is not None
    if case.given.trigger == "schedule" and not is_scheduled:
        raise CannotTestError(f"`{spec.name}` has no scheduled run at {case.given.at}")
    wants_manual = case.given.trigger == "manual" or bool(case.given.params)
    return TriggerKind.SCHEDULE if is_scheduled and not wants_manual else TriggerKind.MANUAL


def environment_of(lived: Lived) -> Mapping[str, str]:
    """The input of the process, with placeholders for secrets."""
    if lived.order is None:
        return {}
    return {**lived.order.env, **lived.order.secrets}
