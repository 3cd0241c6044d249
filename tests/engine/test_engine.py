"""The loops together: from a file to a recorded answer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.events import AttemptStarted, ConfigRejected, GenerationApplied, RunSettled
from engine.core.lifecycle import Run, RunState
from engine.core.records import Gap
from engine.core.vocabulary import in_words
from engine.hosts import here
from engine.ports import Stop
from engine.transactions.templates import concurrency_key
from jobfile.model.jobs import ConcurrencySpec, ParamSpec
from tests.builders import DAY, HOUR, MINUTE, NOON, a_job, a_run
from tests.engine.world import World

HOURLY = """\
version: 1
jobs:
  hello:
    schedule: "0 * * * *"
    command: ["true"]
"""


def hourly(*lines: str) -> str:
    return HOURLY + "".join(f"    {line}\n" for line in lines)


def gaps(world: World) -> list[Gap]:
    return list(world.view.gaps_between(None, since=NOON - DAY, until=NOON + 999 * DAY))


def test_a_run_goes_from_its_time_to_its_answer(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3599)
    assert world.states() == []
    world.pass_time(seconds=1)
    assert world.states() == [("05 13:00", "running", "")]
    world.finish()
    assert world.states() == [("05 13:00", "succeeded", "")]
    world.check()


def test_nothing_before_the_first_apply_is_due(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    assert world.states() == []
    assert world.report().total.expected == 0


def test_an_occurrence_during_a_run_is_skipped_and_names_it(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    first, second = world.runs()
    assert (second.state, second.reason, second.detail) == (RunState.SKIPPED, "overlap", first.id)
    world.check()


def test_a_queued_occurrence_starts_when_the_way_is_free(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("concurrency: {on_overlap: queue}"))
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    assert [state for _, state, _ in world.states()] == ["running", "queued"]
    assert world.states()[1][2] == "overlap"
    world.finish()
    assert [state for _, state, _ in world.states()] == ["succeeded", "running"]
    world.finish()
    world.check()


def test_a_failed_attempt_is_retried_after_its_wait(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("retry: {attempts: 2, delay: 60s, jitter: none}"))
    world.pass_time(seconds=3600)
    world.finish(exit_code=7)
    (run,) = world.runs()
    assert (run.state, run.reason, run.attempt) == (RunState.RETRY_WAIT, "exit(7)", 1)
    world.pass_time(seconds=59)
    assert world.launcher.running() == []
    world.pass_time(seconds=1)
    world.finish()
    (run,) = world.runs()
    assert (run.state, run.attempt, run.exit_code) == (RunState.SUCCEEDED, 2, 0)
    assert [attempt.reason for attempt in world.view.attempts(run.id)] == ["exit(7)", ""]


def test_a_run_whose_job_is_renamed_while_it_runs_ends_under_the_new_name(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    world.edit(HOURLY.replace("hello:", "goodbye:\n    renamed_from: hello"))
    world.finish()
    (ended,) = [event for event in world.journal.events if isinstance(event, RunSettled)]
    assert (ended.run.job, ended.run.state) == ("goodbye", RunState.SUCCEEDED)
    assert world.view.runs_between("goodbye", since=NOON, until=NOON + DAY, limit=9)[0].state == "succeeded"
    world.edit(HOURLY.replace("hello:", "farewell:\n    renamed_from: hello"))
    assert world.view.runs_between("farewell", since=NOON, until=NOON + DAY, limit=9)[0].id == ended.run.id
    world.check()


def test_what_is_wrong_with_one_run_keeps_no_other_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, hourly("concurrency: {limit: 9}"))
    right = here.prepare

    def prepare(run: Run, *about: object, **more: object) -> object:
        if run.id.endswith("2"):
            raise ValueError("nobody thought of that")
        return right(run, *about, **more)  # type: ignore[arg-type]  # what it was given

    monkeypatch.setattr(here, "prepare", prepare)
    monkeypatch.setattr(world, "step", lambda: None)
    for _ in range(3):
        world.run_by_hand("hello")
    with pytest.raises(ValueError, match="nobody thought of that"):
        world.worker.tick()
    assert world.launcher.running() == [f"{1:032x}-1"]
    assert [event.run.id for event in world.journal.events if isinstance(event, AttemptStarted)] == [
        f"{number:032x}" for number in (1, 2, 3)
    ]


def test_a_restart_does_not_restart_the_wait(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("retry: {attempts: 3, delay: 60s, jitter: none}"))
    world.pass_time(seconds=3600)
    world.finish(exit_code=7)
    world.crash()
    world.clock.advance(seconds=300)
    world.boot()
    (run,) = world.runs()
    assert (run.state, run.attempt) == (RunState.RUNNING, 2)
    assert len(world.launcher.executed) == 2


def test_a_running_attempt_is_adopted_and_ends_with_its_true_exit_code(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    world.crash()
    world.clock.advance(seconds=60)
    world.launcher.finish(world.launcher.running()[0], exit_code=7)
    world.clock.advance(seconds=60)
    world.boot()
    (run,) = world.runs()
    assert (run.state, run.reason, run.exit_code) == (RunState.FAILED, "exit(7)", 7)
    assert run.ended_at == NOON + HOUR + MINUTE
    assert len(world.launcher.executed) == 1
    world.check()


def test_a_lost_attempt_is_neither_success_nor_failure(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("retry: 3"))
    world.pass_time(seconds=3600)
    world.launcher.lose(world.launcher.running()[0])
    world.pass_time(seconds=1)
    (run,) = world.runs()
    assert (run.state, run.reason) == (RunState.LOST, "supervisor_killed")
    assert len(world.launcher.executed) == 1


@pytest.mark.parametrize("idempotent", [False, True])
def test_what_was_killed_because_its_host_was_cut_off_is_lost_or_runs_again_where_that_is_allowed(
    tmp_path: Path, idempotent: bool
) -> None:
    """`when: [any]` alone does not allow it, in an action or in a step."""
    retry = "retry: {attempts: 2, delay: 1s, jitter: none, when: [any]}"
    allowed = "\n    idempotent: true" if idempotent else ""
    steps = f"\n  stepped:\n    {retry}{allowed}\n    steps: {{one: {{command: ['true'], {retry}}}}}\n"
    world = World(tmp_path, hourly(f"{retry}{allowed}").rstrip() + steps)
    runs = [world.run_by_hand(job) for job in ("hello", "stepped")]
    world.pass_time(seconds=1)
    assert len(world.launcher.running()) == 2
    for name in world.launcher.running():
        world.launcher.cut_off(name)
    for _ in range(2):
        world.pass_time(seconds=5)
    found = [world.view.run(run.id) for run in runs]
    if not idempotent:
        assert [(run.state, run.reason) for run in found if run] == [(RunState.LOST, "host_cut_off")] * 2
        words = "its host could not reach the ledger in time, so it was killed there"
        assert [in_words(run) for run in found if run] == [words] * 2
        assert len(world.launcher.executed) == 2
        return
    world.finish()
    found = [world.view.run(run.id) for run in runs]
    assert [run.state for run in found if run] == [RunState.SUCCEEDED] * 2
    assert len(world.launcher.executed) == 4
    world.check()


DOWN = """\
version: 1
jobs:
  hello:
    schedule: "0 * * * *"
    catchup: {catchup}
    command: ["true"]
"""


def four_hours_down(tmp_path: Path, catchup: str) -> World:
    """Up until 14:10; down until 18:40."""
    world = World(tmp_path, DOWN.replace("{catchup}", catchup))
    for _ in range(2):
        world.pass_time(seconds=3600)
        world.finish()
    world.pass_time(seconds=600)
    world.crash()
    world.clock.advance(seconds=4.5 * 3600)
    world.boot()
    world.check()
    return world


def test_catchup_last_runs_the_newest_and_records_the_others(tmp_path: Path) -> None:
    world = four_hours_down(tmp_path, "last")
    assert world.states()[2:] == [
        ("05 15:00", "skipped", "superseded"),
        ("05 16:00", "skipped", "superseded"),
        ("05 17:00", "skipped", "superseded"),
        ("05 18:00", "running", ""),
    ]
    assert world.runs()[-1].trigger == "catchup"


def test_catchup_all_runs_the_newest_in_order_up_to_its_limit(tmp_path: Path) -> None:
    world = four_hours_down(tmp_path, "{mode: all, max: 2}")
    assert world.states()[2:] == [
        ("05 15:00", "missed", "catchup_limit"),
        ("05 16:00", "missed", "catchup_limit"),
        ("05 17:00", "running", ""),
        ("05 18:00", "queued", "overlap"),
    ]
    world.finish()
    world.finish()
    assert [state for _, state, _ in world.states()[4:]] == ["succeeded", "succeeded"]


def test_catchup_none_records_each_as_missed_and_continues(tmp_path: Path) -> None:
    world = four_hours_down(tmp_path, "none")
    assert [row[1:] for row in world.states()[2:]] == [("missed", "engine_down")] * 4
    world.pass_time(seconds=20 * 60)
    assert world.states()[-1] == ("05 19:00", "running", "")
    world.check()


def test_two_weeks_down_are_one_run_and_one_gap_record(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY.replace('"0 * * * *"', '"* * * * *"'))
    world.crash()
    world.clock.advance(seconds=14 * 86_400)
    world.boot()
    (gap,) = gaps(world)
    assert (gap.count, gap.state, gap.reason) == (14 * 1440 - 1, RunState.SKIPPED, "superseded")
    assert [state for _, state, _ in world.states()] == ["running"]
    world.check()
    total = world.report().total
    assert (total.expected, total.verdicts["skipped"], total.verdicts["open"]) == (20160, 20159, 1)
    world.finish()
    world.pass_time(seconds=60)
    assert world.states()[-1][1] == "running"


def test_a_stalled_engine_takes_the_same_path(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY.replace('"0 * * * *"', '"*/5 * * * *"'))
    world.pass_time(seconds=12 * 60)
    assert world.states() == [("05 12:05", "skipped", "superseded"), ("05 12:10", "running", "")]


def test_a_clock_set_back_repeats_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    world.finish()
    world.clock.jump(seconds=-1800)
    world.step()
    world.pass_time(seconds=1800)
    assert len(world.runs()) == 1
    world.pass_time(seconds=3600)
    assert len(world.runs()) == 2
    world.check()


def test_a_changed_schedule_counts_from_the_apply(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY.replace('"0 * * * *"', '"0 23 * * *"'))
    world.edit(HOURLY.replace('"0 * * * *"', '"0 5 * * *"'))
    assert world.states() == []
    world.clock.wall = NOON + 11 * HOUR
    world.step()
    assert world.states() == []
    world.clock.wall = NOON + 17 * HOUR
    world.step()
    assert world.states() == [("06 05:00", "running", "")]
    world.check()


def test_an_edit_of_another_field_starts_nothing_and_keeps_the_coverage(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    world.finish()
    before = world.store.schedules_in_force()[0]
    world.edit(hourly("description: now with words"))
    after = world.store.schedules_in_force()[0]
    assert (after.id, after.covered_until) == (before.id, before.covered_until)
    assert after.digest != before.digest
    assert len(world.runs()) == 1
    world.pass_time(seconds=3600)
    assert world.runs()[-1].digest == after.digest


def test_a_change_while_the_engine_was_down_leaves_the_old_rule_to_account(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.crash()
    world.clock.advance(seconds=2 * 3600 + 60)
    world.tree.text = HOURLY.replace('"0 * * * *"', '"30 * * * *"')
    world.boot()
    assert world.states() == [("05 13:00", "skipped", "superseded"), ("05 14:00", "running", "")]
    world.finish()
    world.pass_time(seconds=29 * 60)
    assert world.states()[-1] == ("05 14:30", "running", "")
    world.check()


def test_a_rejected_file_leaves_the_last_good_generation_running(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.edit(HOURLY.replace('"0 * * * *"', '"61 * * * *"'))
    told = [event for event in world.journal.events if isinstance(event, ConfigRejected)]
    assert len(told) == 1
    assert told[0].running == 1
    assert "JF302" in told[0].diagnostics[0]
    rejection = world.view.open_rejection()
    assert rejection is not None
    world.pass_time(seconds=3600)
    assert [state for _, state, _ in world.states()] == ["running"]
    world.edit(HOURLY)
    assert world.view.open_rejection() is None
    generation = world.view.current_generation()
    assert generation is not None
    assert generation.number == 1


def test_a_deleted_file_is_a_rejection_and_removes_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.tree.problem = "cannot read jobs.yaml: No such file or directory"
    world.edit(HOURLY)
    assert world.view.open_rejection() is not None
    world.pass_time(seconds=3600)
    assert [state for _, state, _ in world.states()] == ["running"]


def test_a_file_half_written_is_not_taken(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.tree.text = HOURLY[:40]
    world.watcher.tick()
    world.tree.text = hourly("description: whole")
    world.watcher.tick()
    world.clock.advance(seconds=0.5)
    world.watcher.tick()
    assert not [event for event in world.journal.events if isinstance(event, ConfigRejected)]
    assert [e.number for e in world.journal.events if isinstance(e, GenerationApplied)] == [1, 2]


def test_a_removed_job_finishes_what_runs_and_cancels_what_waits(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("concurrency: {on_overlap: queue}"))
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    world.edit("version: 1\njobs:\n  other:\n    command: ['true']\n")
    assert [row[1:] for row in world.states()] == [("running", ""), ("cancelled", "job_removed")]
    world.finish()
    assert [state for _, state, _ in world.states()] == ["succeeded", "cancelled"]
    world.pass_time(seconds=7200)
    assert len(world.runs()) == 2
    world.check()


def test_a_job_that_comes_back_owes_nothing_for_the_time_between(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.edit("version: 1\njobs: {}\n")
    world.clock.advance(seconds=5 * 3600)
    world.edit(HOURLY)
    assert world.states() == []
    world.pass_time(seconds=3600)
    assert len(world.runs()) == 1
    world.check()


def test_a_disabled_job_is_not_started_by_its_schedule(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("enabled: false"))
    world.pass_time(seconds=7200)
    assert world.states() == []
    assert world.report().total.expected == 0


def test_a_stop_is_reported_at_each_look_and_hardens_when_asked(tmp_path: Path) -> None:
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    for how in (Stop.CANCEL, Stop.KILL):
        with world.store.transaction():
            world.store.request_stop(run.id, how, reason="by_hand", detail="", now=world.clock.now())
        world.step()
        world.step()
        (flight,) = world.launcher.flights.values()
        assert flight.stops[-2:] == [how, how]
    assert flight.stops[0] is Stop.CANCEL
    world.launcher.obey(world.launcher.running()[0])
    world.pass_time(seconds=1)
    assert world.states() == [("05 13:00", "cancelled", "by_hand")]


@pytest.mark.parametrize(("policy", "how"), [("cancel_running", Stop.CANCEL), ("kill_running", Stop.KILL)])
def test_a_successor_waits_until_the_old_one_is_proven_gone(tmp_path: Path, policy: str, how: Stop) -> None:
    world = World(tmp_path, hourly(f"concurrency: {{on_overlap: {policy}}}"))
    world.pass_time(seconds=3600)
    world.pass_time(seconds=3600)
    assert [state for _, state, _ in world.states()] == ["cancelling", "queued"]
    (flight,) = world.launcher.flights.values()
    assert set(flight.stops) == {how}
    world.launcher.obey(world.launcher.running()[0])
    world.pass_time(seconds=1)
    assert [state for _, state, _ in world.states()] == ["cancelled", "running"]
    world.check()


def test_only_so_many_attempts_run_at_once(tmp_path: Path) -> None:
    jobs = "".join(f"  job{n}:\n    schedule: '0 * * * *'\n    command: ['true']\n" for n in range(5))
    world = World(tmp_path, f"version: 1\njobs:\n{jobs}", max_running=2)
    world.pass_time(seconds=3600)
    assert len(world.launcher.running()) == 2
    world.finish()
    assert len(world.launcher.running()) == 2
    world.finish()
    world.finish()
    assert len(world.launcher.executed) == 5
    assert not world.has_open_runs()
    world.check()


def test_a_missing_secret_ends_the_run_with_its_name_and_no_second_try(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("retry: 3", "secrets: {TOKEN: env:NOT_THERE}"))
    world.pass_time(seconds=3600)
    (run,) = world.runs()
    assert (run.state, run.reason) == (RunState.FAILED, "secret not available")
    assert "`TOKEN`" in run.detail
    assert world.launcher.executed == []


ENTRIES = """\
version: 1
calendars:
  office: {weekdays: [mon, tue, wed, thu, fri], except: [2026-03-09]}
jobs:
  once:
    schedule: {at: ["2026-03-06T10:00", "2026-03-07T10:00+02:00"]}
    command: ["true"]
  office:
    schedule: {cron: "0 9 * * *", calendar: office}
    command: ["true"]
  moved:
    schedule: {cron: "0 9 8 * *", calendar: office, on_closed: next}
    command: ["true"]
  third:
    schedule: {business_day: 4, time: "07:30", calendar: office, timezone: Europe/Oslo}
    command: ["true"]
  while:
    schedule: {every: 12h, from: 2026-03-06, until: 2026-03-07}
    command: ["true"]
"""


def test_every_kind_of_entry_fires_when_it_should_and_at_no_other_time(tmp_path: Path) -> None:
    world = World(tmp_path, ENTRIES)
    for _ in range(6 * 48):
        world.pass_time(seconds=1800)
        world.finish()
    jobs = ("once", "office", "moved", "third")
    fired = {job: [when for when, _, _ in world.states(job)] for job in jobs}
    assert fired == {
        "once": ["06 10:00", "07 08:00"],
        "office": ["06 09:00", "10 09:00", "11 09:00"],
        "moved": ["10 09:00"],
        "third": [],
    }
    assert [when for when, _, _ in world.states("while")] == ["06 00:00", "06 12:00", "07 00:00", "07 12:00"]
    world.check()


def test_a_job_works_in_its_folder_and_gets_what_is_passed_on(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    text = hourly("working_dir: data", "pass_env: [PATH, NOT_SET]")
    world = World(tmp_path, text)
    world.pass_time(seconds=3600)
    (flight,) = world.launcher.flights.values()
    order = flight.order
    assert order.working_dir == tmp_path / "data"
    assert "NOT_SET" not in order.env
    world.finish()
    world.edit(text.replace("data", "gone"))
    world.pass_time(seconds=3600)
    (_, last) = world.runs()
    assert (last.state, last.reason) == (RunState.FAILED, "working_dir_missing")
    assert "is not a folder" in last.detail


def test_a_run_knows_when_it_was_to_start_and_which_time_it_is_about(tmp_path: Path) -> None:
    world = World(tmp_path, hourly("timezone: America/New_York"))
    world.pass_time(seconds=3600)
    world.finish()
    world.crash()
    world.clock.advance(seconds=2 * 3600 + 60)
    world.boot()
    world.catch_up(seconds=2)
    world.finish()
    world.run_by_hand("hello")
    told = [
        {name.removeprefix("JOBFILE_"): value.removeprefix("2026-03-05T") for name, value in env.items()}
        for env in (flight.order.env for flight in world.launcher.flights.values())
    ]
    names = ("TRIGGER", "NOT_BEFORE", "INTERVAL_START", "INTERVAL_END", "LATENESS_SECONDS")
    assert [tuple(env.get(name) for name in names) for env in told] == [
        ("schedule", "08:00:00-05:00", "07:00:00-05:00", "08:00:00-05:00", "0"),
        ("catchup", "10:00:00-05:00", "09:00:00-05:00", "10:00:00-05:00", "60"),
        ("manual", "10:01:02-05:00", None, None, "0"),
    ]


def test_evidence_that_is_away_for_a_moment_now_and_then_is_no_loss(tmp_path: Path) -> None:
    """A job deletes what proves it; its supervisor puts it back within a second, each time."""
    world = World(tmp_path, HOURLY)
    world.pass_time(seconds=3600)
    folder, flight = next(iter(world.launcher.flights.items()))
    for _ in range(3):
        del world.launcher.flights[folder]
        world.pass_time(seconds=1)
        world.launcher.flights[folder] = flight
        world.catch_up(seconds=60)
        assert world.runs()[0].state is RunState.RUNNING
    del world.launcher.flights[folder]
    world.catch_up(seconds=5)
    (lost,) = world.runs()
    assert (lost.state, lost.reason) == (RunState.LOST, "evidence_gone")


# What counts against one limit


ONE_CUSTOMER = """\
version: 1
jobs:
  hello:
    params: {customer: {type: string}}
    concurrency: {key: "KEY", on_overlap: queue}
    command: ["true"]
"""


@given(st.sampled_from(["A", "B", "a b"]), st.sampled_from(["A", "B", "a b"]), st.booleans())
def test_runs_count_against_one_limit_exactly_when_their_keys_read_alike(
    one: str, other: str, is_template: bool
) -> None:
    key = "for {{ params.customer }}" if is_template else "one for all"
    spec = a_job(concurrency=ConcurrencySpec(key=key), params=(ParamSpec(name="customer", type="string"),))
    keys = [concurrency_key(spec, a_run(spec, params={"customer": name})) for name in (one, other)]
    assert (keys[0] == keys[1]) == (not is_template or one == other)
    assert keys[0] == (f"for {one}" if is_template else key)
    unnamed = a_job(concurrency=ConcurrencySpec())
    assert concurrency_key(unnamed, a_run(unnamed)) == unnamed.name


@pytest.mark.parametrize(("key", "running"), [("{{ params.customer }}", ["A", "B"]), ("all", ["A"])])
def test_a_run_of_one_customer_is_not_in_the_way_of_another(
    tmp_path: Path, key: str, running: list[str]
) -> None:
    world = World(tmp_path, ONE_CUSTOMER.replace("KEY", key))
    for customer in ("A", "B", "A", "B"):
        world.run_by_hand("hello", customer=customer)
    assert [run.params["customer"] for run in world.runs() if run.state is RunState.RUNNING] == running
    waiting = [run for run in world.runs() if run.state is not RunState.RUNNING]
    assert {(run.state, run.reason) for run in waiting} == {(RunState.QUEUED, "overlap")}
    assert {run.concurrency_key for run in world.runs()} == ({"A", "B"} if "{" in key else {"all"})
    world.check()


# What a spread leaves behind


@pytest.mark.parametrize("is_in_the_way", [False, True])
def test_a_spread_that_has_passed_is_no_reason_any_more(tmp_path: Path, is_in_the_way: bool) -> None:
    text = hourly("concurrency: {on_overlap: queue}").replace(
        'schedule: "0 * * * *"', 'schedule: {cron: "0 * * * *", spread: 30m}'
    )
    world = World(tmp_path, text)
    if is_in_the_way:
        world.run_by_hand("hello")
    world.pass_time(seconds=3600)
    (run,) = [one for one in world.runs() if one.schedule_key]
    assert (run.state, run.reason) == (RunState.QUEUED, "spread")
    world.pass_time(seconds=(run.not_before - world.clock.now()).total_seconds())
    (run,) = [one for one in world.runs() if one.schedule_key]
    expected = (RunState.QUEUED, "overlap") if is_in_the_way else (RunState.RUNNING, "")
    assert (run.state, run.reason) == expected
    world.finish()
    world.finish()
    (run,) = [one for one in world.runs() if one.schedule_key]
    assert (run.state, run.reason) == (RunState.SUCCEEDED, "")


# Where a job is in its file


@pytest.mark.parametrize("at", [1, 2, 6])
@pytest.mark.parametrize("lines", [1, 3])
def test_a_job_that_only_moved_in_its_file_is_found_where_it_is_now(
    tmp_path: Path, at: int, lines: int
) -> None:
    text = HOURLY + HOURLY.partition("jobs:\n")[2].replace("hello", "other")
    world = World(tmp_path, text)

    def places() -> dict[str, int]:
        return {one.job: one.line for one in world.store.jobs_in_force()}

    first = places()
    written = text.splitlines(keepends=True)
    world.edit("".join([*written[:at], "  # a note\n" * lines, *written[at:]]))
    assert places() == {job: line + lines if line > at else line for job, line in first.items()}
    assert world.store.current_generation().number == 1  # type: ignore[union-attr]  # it was applied
