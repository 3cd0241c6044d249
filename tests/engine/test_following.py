"""Jobs that start after other jobs: each end is acted on once, whatever ended the run or crashed."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.core.errors import PartialTurnError
from engine.core.lifecycle import Run, RunState, TriggerKind
from engine.ledger.sqlite.store import SqliteStore
from engine.ports import Stop
from tests.builders import HOUR, NOON
from tests.engine.world import World
from tests.soak import examples

FREE = "concurrency: {limit: none}"
HOURLY = "schedule: '0 * * * *'"


def text(**jobs: str) -> str:
    """A file with jobs whose command always starts; `x_y` is the job `x-y`."""
    lines = [f"  {name.replace('_', '-')}: {{run: 'true', {FREE}, {keys}}}" for name, keys in jobs.items()]
    return "\n".join(["version: 1", "jobs:", *lines])


def after(*jobs: str, when: str = "succeeded", kind: str = "") -> str:
    named = f"{kind}: [{', '.join(jobs)}]" if kind else f"job: {jobs[0]}"
    return f"triggers: [{{after: {{{named}, when: {when}}}}}]"


CHAIN = text(load=HOURLY, report=after("load"), mail=after("report"))


def ends(world: World, job: str) -> list[tuple[str, str]]:
    return [(run.state.value, run.reason) for run in world.runs(job)]


def finish_all(world: World, *, exit_code: int = 0) -> None:
    while world.launcher.running():
        world.finish(exit_code=exit_code)


def test_a_success_starts_the_chain_with_the_nominal_time_and_the_causes(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    finish_all(world)
    [load], [report], [mail] = (world.runs(job) for job in ("load", "report", "mail"))
    assert {run.scheduled_for for run in (load, report, mail)} == {NOON + HOUR}
    assert (report.caused_by, mail.caused_by) == (load.id, report.id)
    assert [run.state.value for run in (load, report, mail)] == ["succeeded"] * 3
    assert report.trigger_values == {"job": "load", "run_id": load.id, "status": "succeeded", "error": ""}
    world.check()


@pytest.mark.parametrize(
    ("exit_code", "succeeded", "failed", "always"),
    [
        (0, ("succeeded", ""), None, ("succeeded", "")),
        (3, ("skipped", "after"), ("succeeded", ""), ("succeeded", "")),
    ],
)
def test_each_condition_has_its_ends(
    tmp_path: Path,
    exit_code: int,
    succeeded: tuple[str, str],
    failed: tuple[str, str] | None,
    always: tuple[str, str],
) -> None:
    jobs = {f"on_{when}": after("load", when=when) for when in ("succeeded", "failed", "always")}
    world = World(tmp_path, text(load=HOURLY, **jobs))
    world.pass_time(seconds=3600)
    world.finish(exit_code=exit_code)
    finish_all(world)
    found = {job: ends(world, job) for job in ("on-succeeded", "on-failed", "on-always")}
    expected = {"on-succeeded": succeeded, "on-failed": failed, "on-always": always}
    assert found == {job: [] if one is None else [one] for job, one in expected.items()}
    world.check()


def test_a_retry_in_the_same_run_is_no_end(tmp_path: Path) -> None:
    world = World(
        tmp_path,
        text(load=f"{HOURLY}, retry: {{attempts: 2, delay: 10s, jitter: none}}", report=after("load")),
    )
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    assert world.runs("report") == []
    world.pass_time(seconds=10)
    finish_all(world)
    assert ends(world, "report") == [("succeeded", "")]


ABSENT = {
    "cancelled": ("cancelled", "by_hand"),
    "cancelled while it waited": ("cancelled", "by_hand"),
    "deadline": ("missed", "start_deadline"),
    "condition": ("skipped", "condition"),
    "set aside": ("lost", "unreadable"),
}


@pytest.mark.parametrize("how", ABSENT)
def test_every_absence_leaves_its_record_along_the_chain(tmp_path: Path, how: str) -> None:
    """Whatever ends the run: a command, the worker, the scheduler, the quarantine."""
    keys = {"deadline": "start_deadline: 60s", "condition": "if: \"run.job == 'x'\""}
    slow = dict.fromkeys(
        ("deadline", "cancelled while it waited"), "concurrency: {limit: 1, on_overlap: queue}"
    )
    load = f"  load: {{run: 'true', {HOURLY}, {slow.get(how, FREE)}, {keys.get(how, 'priority: 0')}}}"
    world = World(tmp_path, CHAIN.replace(CHAIN.splitlines()[2], load))
    if how in slow:
        world.run_by_hand("load")
    world.pass_time(seconds=3600)
    run = next(one for one in world.runs("load") if one.schedule_key)
    match how:
        case "cancelled":
            with world.store.transaction():
                world.store.request_stop(
                    run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now()
                )
            world.launcher.obey(world.launcher.running()[0])
            world.step()
        case "cancelled while it waited":
            with world.store.transaction():
                world.store.request_stop(
                    run.id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now()
                )
            world.step()
        case "deadline":
            world.pass_time(seconds=61)
        case "set aside":
            world.crash()
            db = sqlite3.connect(world.config.ledger)
            db.execute("update attempt set state = 'lost', ended_at = created_at")
            db.execute("update run set params = '[1]'")
            db.commit()
            db.close()
            world.boot()
    at = NOON + HOUR
    [load_run] = [one for one in world.runs("load") if one.schedule_key]
    assert (load_run.state.value, load_run.reason) == ABSENT[how]
    for job in ("report", "mail"):
        assert [(one.state.value, one.reason) for one in world.runs(job) if one.scheduled_for == at] == [
            ("skipped", "after")
        ]
    assert world.store.following.ends(limit=9) == ()


def test_a_lost_run_that_is_found_to_have_succeeded_starts_its_followers_then(tmp_path: Path) -> None:
    jobs = {f"on_{when}": after("load", when=when) for when in ("succeeded", "failed", "always")}
    world = World(tmp_path, text(load=HOURLY, **jobs))
    world.pass_time(seconds=3600)
    [attempt] = world.launcher.running()
    world.launcher.lose(attempt)
    world.step()
    assert ends(world, "on-succeeded") == [("skipped", "after")]
    finish_all(world)
    world.launcher.finish(attempt, exit_code=0)
    world.housekeeper().tick()
    world.step()
    finish_all(world)
    assert world.runs("load")[0].verdict is RunState.SUCCEEDED
    skipped, started = world.runs("on-succeeded")
    assert (skipped.state.value, started.state.value, started.retry_of) == (
        "skipped",
        "succeeded",
        skipped.id,
    )
    assert ends(world, "on-failed") == ends(world, "on-always") == [("succeeded", "")]
    world.check()


def test_a_manual_retry_that_succeeds_starts_the_chain_once(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    [load] = world.runs("load")
    again = world.retry(load)
    world.finish(exit_code=1)
    assert ends(world, "report") == ends(world, "mail") == [("skipped", "after")], "one record for one cause"
    world.retry(again)
    finish_all(world)
    for job in ("report", "mail"):
        skipped, started = world.runs(job)
        assert started.retry_of == skipped.id
        assert (started.state.value, started.scheduled_for) == ("succeeded", load.scheduled_for)
    assert {row.job: row.verdicts for row in world.report().rows} == {
        job: {"fixed_by_hand": 1} for job in ("load", "report", "mail")
    }
    world.check()


def test_a_matrix_is_followed_when_all_its_runs_are_over(tmp_path: Path) -> None:
    matrix = f"{HOURLY}, matrix: {{region: [eu, us]}}"
    world = World(tmp_path, text(load=matrix, report=after("load"), alarm=after("load", when="failed")))
    world.pass_time(seconds=3600)
    first, second = world.launcher.running()
    world.launcher.finish(first, exit_code=0)
    world.step()
    assert world.runs("report") == []
    world.launcher.finish(second, exit_code=1)
    world.step()
    finish_all(world)
    assert (ends(world, "report"), ends(world, "alarm")) == ([("skipped", "after")], [("succeeded", "")])
    world.retry(next(run for run in world.runs("load") if run.state is RunState.FAILED))
    finish_all(world)
    assert ends(world, "report") == [("skipped", "after"), ("succeeded", "")]
    assert len(world.runs("alarm")) == 1


def test_all_starts_once_for_a_time_when_each_has_ended(tmp_path: Path) -> None:
    world = World(tmp_path, text(load=HOURLY, clean=HOURLY, report=after("load", "clean", kind="all")))
    world.pass_time(seconds=3600)
    first, second = world.launcher.running()
    world.launcher.finish(first, exit_code=0)
    world.step()
    assert world.runs("report") == []
    world.launcher.finish(second, exit_code=0)
    world.step()
    finish_all(world)
    [report] = world.runs("report")
    assert (report.state.value, report.caused_by) == ("succeeded", second.split("-")[0])
    world.pass_time(seconds=3600)
    first, second = world.launcher.running()
    world.launcher.finish(first, exit_code=1)
    world.step()
    assert len(world.runs("report")) == 1, "the other one may still be retried in time"
    world.launcher.finish(second, exit_code=0)
    world.step()
    skipped = world.runs("report")[1]
    assert (skipped.state.value, skipped.detail) == ("skipped", first.split("-")[0])
    world.retry(next(run for run in world.runs("load") + world.runs("clean") if run.state is RunState.FAILED))
    finish_all(world)
    started = world.runs("report")[2]
    assert (started.state.value, started.retry_of) == ("succeeded", skipped.id)
    world.run_by_hand("load")
    finish_all(world)
    assert len(world.runs("report")) == 3, "a run by hand has its own time"
    world.check()


def test_any_starts_at_the_first_for_a_time_only(tmp_path: Path) -> None:
    world = World(tmp_path, text(eu=HOURLY, us=HOURLY, report=after("eu", "us", kind="any")))
    world.pass_time(seconds=3600)
    first, second = world.launcher.running()
    world.launcher.finish(first, exit_code=1)
    world.step()
    assert world.runs("report") == [], "the other one may still succeed"
    world.launcher.finish(second, exit_code=0)
    world.step()
    finish_all(world)
    world.retry(next(run for run in world.runs("eu") + world.runs("us") if run.state is RunState.FAILED))
    finish_all(world)
    assert ends(world, "report") == [("succeeded", "")]
    world.pass_time(seconds=3600)
    for attempt in world.launcher.running():
        world.launcher.finish(attempt, exit_code=1)
    world.step()
    assert ends(world, "report") == [("succeeded", ""), ("skipped", "after")]
    world.check()


def test_outputs_and_params_of_the_job_are_values_of_its_follower(tmp_path: Path) -> None:
    outputs = "outputs: {rows: {type: integer}, both: {type: string}}"
    params = "params: {day: {type: string, default: mon}}"
    world = World(
        tmp_path,
        text(
            load=f"{HOURLY}, {outputs}, {params}",
            clean=f"{HOURLY}, outputs: {{both: {{type: string}}}}",
            report=after("load"),
            sum=after("load", "clean", kind="all"),
            alarm=after("load", when="failed"),
        ),
    )
    world.pass_time(seconds=3600)
    for attempt in world.launcher.running():
        world.launcher.finish(attempt, outputs='{"rows": 7, "both": "x"}\n')
    world.step()
    [report], [both] = world.runs("report"), world.runs("sum")
    own = {"outputs.rows": 7, "params.day": "mon"}
    assert dict(report.trigger_values).items() >= {**own, "outputs.both": "x"}.items()
    found = {name: one for name, one in both.trigger_values.items() if "." in name}
    assert found == own, "a name that both declare means none"
    finish_all(world)
    world.pass_time(seconds=3600)
    world.finish(exit_code=5)
    [alarm] = world.runs("alarm")
    assert {name for name in alarm.trigger_values if "." in name} == {"params.day"}
    assert (alarm.trigger_values["status"], alarm.trigger_values["error"]) == ("failed", "exit code 5")


def test_a_key_that_cannot_be_filled_in_is_the_reason_not_to_run(tmp_path: Path) -> None:
    load = f"{HOURLY}, outputs: {{rows: {{type: string}}}}"
    key = "concurrency: {key: '{{ trigger.outputs.rows }}'}"
    alarm = f"  alarm: {{run: 'true', {after('load', when='failed')}, {key}}}"
    world = World(tmp_path, f"{text(load=load)}\n{alarm}")
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    [run] = world.runs("alarm")
    assert (run.state.value, run.reason) == ("skipped", "template_error")
    assert "outputs.rows" in run.detail


@pytest.mark.parametrize("exit_code", [0, 1])
@pytest.mark.parametrize(
    ("keys", "is_paused", "reason"), [("enabled: false", False, "disabled"), ("priority: 0", True, "paused")]
)
def test_a_follower_that_may_not_run_has_a_record_and_so_have_its_followers(
    tmp_path: Path, keys: str, is_paused: bool, reason: str, exit_code: int
) -> None:
    """Also if its condition is not met: what a user can change comes first."""
    world = World(tmp_path, text(load=HOURLY, report=f"{after('load')}, {keys}", mail=after("report")))
    if is_paused:
        world.pause("report")
    world.pass_time(seconds=3600)
    finish_all(world, exit_code=exit_code)
    assert (ends(world, "report"), ends(world, "mail")) == ([("skipped", reason)], [("skipped", "after")])


def test_ends_from_before_a_job_follows_start_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, text(load=HOURLY, other=after("load")))
    world.pass_time(seconds=3600)
    [attempt] = world.launcher.running()
    world.launcher.finish(attempt, exit_code=0)
    world.worker.notice(attempt)
    world.worker.tick()  # it has ended, and nothing has acted on that
    world.edit(text(load=HOURLY, other=after("load"), report=after("load")))
    assert (len(world.runs("other")), len(world.runs("report"))) == (1, 0)
    finish_all(world)
    world.pass_time(seconds=3600)
    finish_all(world)
    assert (len(world.runs("other")), len(world.runs("report"))) == (2, 1)


def test_a_chain_goes_on_over_a_rename_of_either_end(tmp_path: Path) -> None:
    world = World(tmp_path, text(load=HOURLY, report=after("load")))
    world.pass_time(seconds=3600)
    world.edit(text(fetch=f"{HOURLY}, renamed_from: load", summary=f"{after('fetch')}, renamed_from: report"))
    finish_all(world)
    assert [(run.trigger_values["job"], run.state.value) for run in world.runs("summary")] == [
        ("fetch", "succeeded")
    ]
    world.pass_time(seconds=3600)
    finish_all(world)
    assert len(world.runs("summary")) == 2


def test_an_all_that_loses_a_job_follows_the_shorter_list_from_the_next_time_on(tmp_path: Path) -> None:
    world = World(tmp_path, text(load=HOURLY, clean=HOURLY, report=after("load", "clean", kind="all")))
    world.pass_time(seconds=3600)
    clean = next(run for run in world.runs("clean"))
    world.launcher.finish(clean.last_attempt.id, exit_code=0)
    world.step()
    world.edit(text(clean=HOURLY, report=after("clean")))
    finish_all(world)
    assert world.runs("report") == [], "the end of `clean` was decided by the rule of its time"
    world.pass_time(seconds=3600)
    finish_all(world)
    assert len(world.runs("report")) == 1


def test_a_pruned_cause_does_no_harm(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    for _ in range(3):
        world.pass_time(seconds=3600)
        finish_all(world)
    world.clock.advance(seconds=864_000)
    world.housekeeper(keep_days=1).tick()
    world.step()
    finish_all(world)
    world.check()


def test_an_end_that_cannot_be_acted_on_does_not_stop_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, text(load=HOURLY, clean=HOURLY, report=after("load"), sum=after("clean")))
    world.pass_time(seconds=3600)
    broken = world.runs("load")[0].id
    store_run = SqliteStore.run

    def run(store: SqliteStore, run_id: str) -> Run | None:
        if run_id == broken:
            raise ValueError("a bug")
        return store_run(store, run_id)

    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "run", run)
        for attempt in world.launcher.running():
            world.launcher.finish(attempt, exit_code=0)
            world.worker.notice(attempt)
        world.worker.tick()
        with pytest.raises(PartialTurnError, match="a bug"):
            world.loops.follower.tick()
    assert (len(world.runs("sum")), len(world.runs("report"))) == (1, 0)
    [left] = world.store.following.ends(limit=9)
    assert left.run_id == broken
    world.step()
    assert (len(world.runs("report")), world.store.following.ends(limit=9)) == (1, ())


def test_a_chain_of_a_thousand_links_does_not_recurse(tmp_path: Path) -> None:
    links = {f"j{number}": after(f"j{number - 1}") for number in range(1, 1_001)}
    world = World(tmp_path, text(j0=HOURLY, **links))
    world.pass_time(seconds=3600)
    world.finish(exit_code=1)
    assert ends(world, "j1000") == [("skipped", "after")]
    assert world.store.following.ends(limit=9) == ()


class Killed(Exception):
    """The engine is killed at a commit."""


JOBS = ("a", "b", "c", "d", "e")


@st.composite
def graphs(draw: st.DrawFn) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """For each job but the first two, which jobs it follows, how, and after which ends."""
    found = {}
    for number, job in enumerate(JOBS[2:], start=2):
        kind = draw(st.sampled_from(("job", "all", "any")))
        most = 1 if kind == "job" else 2
        some = st.lists(st.sampled_from(JOBS[:number]), min_size=1, max_size=most, unique=True)
        found[job] = (kind, draw(st.sampled_from(("succeeded", "failed", "always"))), tuple(draw(some)))
    return found


def text_of(graph: dict[str, tuple[str, str, tuple[str, ...]]]) -> str:
    jobs = {
        job: after(*ups, when=when, kind="" if kind == "job" else kind)
        for job, (kind, when, ups) in graph.items()
    }
    return text(a=HOURLY, b=HOURLY, **jobs)


ACTS = ("finish", "fail", "hour", "crash", "kill", "retry", "cancel", "lose")


@given(
    graph=graphs(),
    acts=st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 9)), min_size=3, max_size=14),
)
@settings(
    max_examples=examples(13), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_happens_each_job_has_what_its_rule_says(
    tmp_path_factory: pytest.TempPathFactory,
    graph: dict[str, tuple[str, str, tuple[str, ...]]],
    acts: list[tuple[str, int]],
) -> None:
    world = World(tmp_path_factory.mktemp("chains"), text_of(graph))
    world.pass_time(seconds=3600)
    for act, which in acts:
        do(world, act, which)
    finish_all(world)
    world.step()
    finish_all(world)
    assert world.store.following.ends(limit=9) == ()
    for job, (kind, when, ups) in graph.items():
        check_rule(world, job, kind, when, ups)
    world.check()
    world.crash()


def do(world: World, act: str, which: int) -> None:
    running = sorted(world.launcher.running())
    over = [run for job in JOBS[:2] for run in world.runs(job) if run.state.is_final]
    match act:
        case "hour":
            world.pass_time(seconds=3600)
        case "crash":
            world.crash()
            world.boot()
        case "retry" if over:
            world.retry(over[which % len(over)])
        case "cancel" if running:
            run_id = running[which % len(running)].split("-")[0]
            with world.store.transaction():
                world.store.request_stop(
                    run_id, Stop.CANCEL, reason="by_hand", detail="", now=world.clock.now()
                )
            world.launcher.obey(f"{run_id}-1")
            world.step()
        case "lose" if running:
            world.launcher.lose(running[which % len(running)])
            world.step()
        case "finish" | "fail" | "kill" if running:
            world.launcher.finish(running[which % len(running)], exit_code=int(act == "fail"))
            if act == "kill":
                killed(world, after_commits=which % 3)
            world.step()


def killed(world: World, *, after_commits: int) -> None:
    """Let the loops run until some commits are made, and the next one is rolled back; then boot again."""
    store = world.store
    real, left = store.transaction, [after_commits]

    def transaction() -> Iterator[None]:
        with real():
            yield
            if left[0] == 0:
                raise Killed
            left[0] -= 1

    from contextlib import contextmanager  # noqa: PLC0415  only here

    store.transaction = contextmanager(transaction)  # type: ignore[method-assign]
    try:
        world.rescuer.tick()
        while world.worker.tick() == 0:
            pass
        world.loops.follower.tick()
    except (Killed, PartialTurnError):
        pass
    world.crash()
    world.boot()


GOOD = {
    "succeeded": {RunState.SUCCEEDED},
    "failed": {RunState.FAILED, RunState.TIMED_OUT, RunState.LOST},
}
GOOD["always"] = {*GOOD["succeeded"], *GOOD["failed"], RunState.CANCELLED}


def check_rule(world: World, job: str, kind: str, when: str, ups: tuple[str, ...]) -> None:
    """Compare the records of a job with what its rule says about the runs of the jobs that it follows."""
    upstream = {up: world.runs(up) for up in ups}
    records = world.runs(job)
    started = [run for run in records if run.state is not RunState.SKIPPED]
    skipped = [run for run in records if run.state is RunState.SKIPPED]
    by_id = {run.id: run for runs in upstream.values() for run in runs}
    assert {run.scheduled_for for run in started} == due(kind, when, upstream)
    if kind == "job":
        good = {run.id for run in by_id.values() if run.verdict in GOOD[when]}
        assert sorted(str(run.caused_by) for run in started) == sorted(good)
    else:
        assert len(started) == len({run.scheduled_for for run in started})
    assert not skipped or when == "succeeded"
    if when == "succeeded":
        times = {run.scheduled_for for run in by_id.values()}
        if kind == "all":
            times = {
                at
                for at in times
                if all(any(run.scheduled_for == at for run in runs) for runs in upstream.values())
            }
        assert {run.scheduled_for for run in records} == times, "no absence without a record"


def due(kind: str, when: str, upstream: dict[str, list[Run]]) -> set[datetime]:
    times = [{run.scheduled_for for run in runs if run.verdict in GOOD[when]} for runs in upstream.values()]
    return set.intersection(*times) if kind == "all" else set.union(*times)


def test_the_doctor_finds_an_end_that_the_engine_leaves_undone(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    [attempt] = world.launcher.running()
    world.launcher.finish(attempt)
    world.worker.notice(attempt)
    world.worker.tick()
    for seconds, codes in ((240, []), (120, ["invariant.I8"])):
        world.clock.advance(seconds=seconds)
        world.heartbeat.tick()
        assert [one.code for one in world.unsound()] == codes
    assert "other jobs follow ended 6m ago" in world.unsound()[0].found
    world.step()
    finish_all(world)
    assert world.unsound() == []


def test_a_late_end_is_noted_when_it_is_found(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    [attempt] = world.launcher.running()
    world.launcher.lose(attempt)
    world.step()
    world.clock.advance(seconds=7200)
    world.heartbeat.tick()
    world.launcher.finish(attempt, exit_code=0)
    world.housekeeper().resolve()
    assert world.runs("load")[0].verdict is RunState.SUCCEEDED
    oldest = world.store.following.oldest_end()
    assert oldest is not None
    assert (world.clock.now() - oldest).total_seconds() < 60


def test_events_of_ends_are_forgotten_with_the_runs(tmp_path: Path) -> None:
    world = World(tmp_path, CHAIN)
    world.pass_time(seconds=3600)
    finish_all(world)
    known = f"{world.runs('load')[0].id} succeeded"
    assert set(world.store.trigger_events.identities("report", TriggerKind.AFTER)) == {known}
    world.clock.advance(seconds=8 * 86_400)
    house = world.housekeeper(keep_days=1)
    for _ in range(3):
        house.prune(counts=False)
        house.forget_identities()
    assert not world.store.trigger_events.identities("report", TriggerKind.AFTER)
