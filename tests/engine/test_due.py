"""Every due occurrence is accounted for exactly once, whatever the policy."""

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import limits
from engine.core.due import GAP_FROM, Rules, due
from engine.core.lifecycle import RunState
from engine.core.records import ON_TIME, Pause
from jobfile.model.jobs import CatchupMode, CatchupSpec, EveryEntry
from jobfile.schedule.occurrences import Fire, fires
from tests.builders import DAY, HOUR, MINUTE, NOON, cron, every

policies = st.builds(
    CatchupSpec,
    mode=st.sampled_from(CatchupMode),
    window=st.none()
    | st.timedeltas(timedelta(seconds=1), timedelta(days=3))
    | st.timedeltas(timedelta(seconds=1), HOUR),
    limit=st.integers(1, 30),
)
schedules = st.one_of(
    st.integers(1, 100_000).map(lambda seconds: every(seconds=seconds)),
    st.sampled_from(["* * * * *", "*/5 * * * *", "0 * * * *", "30 2 * * *"]).map(cron),
    st.just((*every(minutes=7), *every(minutes=5))),
)


@given(schedules, policies, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_each_instant_is_in_exactly_one_place(
    entries: tuple[EveryEntry, ...], catchup: CatchupSpec, absence: timedelta
) -> None:
    now = NOON + absence
    found = due(Rules(entries=entries, catchup=catchup), covered_until=NOON, now=now)
    expected = [fire.at for fire in fires(entries, after=NOON, until=now)]
    told: list[datetime] = []
    for one in found.not_run:
        members = [at for at in expected if one.first <= at <= one.last]
        assert len(members) == one.count
        assert one.fires == () or [fire.at for fire in one.fires] == members
        assert (one.fires == ()) == (one.count > GAP_FROM)
        told += members
    told += [one.fire.at for one in found.to_run]
    assert told == expected


@given(schedules, policies, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_what_runs_is_never_early_and_never_more_than_the_policy_says(
    entries: tuple[EveryEntry, ...], catchup: CatchupSpec, absence: timedelta
) -> None:
    now = NOON + absence
    found = due(Rules(entries=entries, catchup=catchup), covered_until=NOON, now=now)
    late = [one for one in found.to_run if one.is_late]
    assert all(one.fire.at <= now for one in found.to_run)
    assert all(one.is_late == (now - one.fire.at > ON_TIME) for one in found.to_run)
    most = {CatchupMode.NONE: 0, CatchupMode.LAST: 1, CatchupMode.ALL: catchup.limit}[catchup.mode]
    assert len(late) <= most
    if catchup.window is not None and catchup.mode is not CatchupMode.NONE:
        assert all(now - one.fire.at <= catchup.window for one in late)


unhurried = st.one_of(
    st.integers(60, 100_000).map(lambda seconds: every(seconds=seconds)),
    st.just((*every(minutes=7), *every(minutes=5))),
)
spans = st.lists(
    st.tuples(st.timedeltas(-DAY, 2 * DAY), st.none() | st.timedeltas(timedelta(0), DAY)),
    max_size=3,
)


def a_pause(begins: timedelta, length: timedelta | None) -> Pause:
    ends = None if length is None else NOON + begins + length
    return Pause("hello", "cli", "anna", "", NOON + begins, ends, None, "")


@given(
    unhurried,
    policies,
    st.timedeltas(timedelta(0), 2 * DAY),
    spans.map(lambda found: [a_pause(*span) for span in found]),
    st.none() | st.timedeltas(timedelta(seconds=1), DAY),
    st.timedeltas(timedelta(0), 2 * HOUR),
)
def test_each_instant_is_in_exactly_one_place_with_pauses_a_deadline_and_a_delay(
    entries: tuple[EveryEntry, ...],
    catchup: CatchupSpec,
    absence: timedelta,
    pauses: list[Pause],
    deadline: timedelta | None,
    delay: timedelta,
) -> None:
    now = NOON + absence
    rules = Rules(entries=entries, catchup=catchup, delays=[delay] * len(entries), start_deadline=deadline)
    found = due(rules, covered_until=NOON, now=now, pauses=pauses)
    paused = {fire.at for fire in fires(entries, after=NOON, until=now) if is_paused(pauses, fire.at)}
    expected = [fire.at for fire in fires(entries, after=NOON, until=now)]
    to_run = [one.fire.at for one in found.to_run]
    told: list[datetime] = []
    for one in found.not_run:
        span = expected[bisect_left(expected, one.first) : bisect_right(expected, one.last)]
        members = [at for at in span if (at in paused) == (one.reason == "paused")]
        members = [at for at in members if at not in to_run]
        assert len(members) == one.count
        told += members
    assert sorted(told + to_run) == expected
    assert not paused & set(to_run)
    left_out = {at for one in found.not_run if one.reason == "paused" for at in (one.first, one.last)}
    assert left_out <= paused
    assert all(one.is_late == (now - one.fire.at - delay > ON_TIME) for one in found.to_run)
    if deadline is not None:
        assert all(now - at <= deadline + delay for at in to_run)


def is_paused(pauses: list[Pause], at: datetime) -> bool:
    return any(pause.holds_at(at) for pause in pauses)


@pytest.mark.parametrize(
    ("text", "reads"), [("", 2), ("7", 7), ("0", 2), ("00", 2), ("many", 2), ("0000010000000", 2)]
)
def test_the_pace_of_catching_up_comes_from_the_environment(text: str, reads: int) -> None:
    assert limits({"JOBFILE_CATCHUP_STARTS": text})["catchup_starts"] == reads


def test_nothing_is_due_before_its_time() -> None:
    assert due(Rules(entries=every(hours=1)), covered_until=NOON, now=NOON + HOUR - MINUTE).to_run == ()


def test_the_instant_itself_is_due_and_the_covered_one_is_not() -> None:
    found = due(Rules(entries=every(hours=1)), covered_until=NOON, now=NOON + HOUR)
    assert [one.fire.at for one in found.to_run] == [NOON + HOUR]


def test_last_beyond_its_window_runs_nothing_and_says_missed() -> None:
    catchup = CatchupSpec(mode=CatchupMode.LAST, window=timedelta(minutes=10))
    found = due(Rules(entries=cron("30 2 * * *"), catchup=catchup), covered_until=NOON, now=NOON + DAY)
    assert found.to_run == ()
    assert [(one.count, one.state, one.reason) for one in found.not_run] == [
        (1, RunState.MISSED, "catchup_limit")
    ]


mixed = st.lists(
    st.tuples(st.integers(600, 20_000), st.timedeltas(timedelta(0), 3 * HOUR)), min_size=1, max_size=3
)


@given(
    mixed,
    policies,
    st.timedeltas(timedelta(0), DAY),
    spans.map(lambda found: [a_pause(*span) for span in found]),
    st.none() | st.timedeltas(timedelta(seconds=1), DAY),
)
def test_an_occurrence_whose_start_lies_ahead_runs_whatever_the_other_entries_wait(
    found: list[tuple[int, timedelta]],
    catchup: CatchupSpec,
    absence: timedelta,
    pauses: list[Pause],
    deadline: timedelta | None,
) -> None:
    """Each entry has a delay of its own: what may still start in time was missed by nobody."""
    entries = tuple(one for seconds, _ in found for one in every(seconds=seconds))
    delays = [delay for _, delay in found]
    now = NOON + absence
    rules = Rules(entries=entries, catchup=catchup, delays=delays, start_deadline=deadline)
    result = due(rules, covered_until=NOON, now=now, pauses=pauses)
    to_run = {one.fire for one in result.to_run}
    for fire in fires(entries, after=NOON, until=now):
        is_ahead = fire.at + delays[fire.entry] > now
        is_expired = deadline is not None and now - fire.at > deadline
        if is_ahead and not is_expired and not is_paused(pauses, fire.at):
            assert fire in to_run
    assert all(one.is_late == (now - rules.not_before(one.fire) > ON_TIME) for one in result.to_run)
    if catchup.mode is CatchupMode.NONE:
        assert not any(one.is_late for one in result.to_run)


def test_of_two_entries_with_different_delays_each_waits_for_its_own() -> None:
    entries = (*cron("0 13 * * *"), *cron("30 13 * * *"))
    rules = Rules(
        entries=entries, delays=[2 * HOUR, timedelta(0)], catchup=CatchupSpec(mode=CatchupMode.NONE)
    )
    found = due(rules, covered_until=NOON, now=NOON + 105 * MINUTE)
    assert [one.fire.at for one in found.to_run] == [NOON + HOUR]
    assert [(one.first, one.count, one.reason) for one in found.not_run] == [
        (NOON + 90 * MINUTE, 1, "engine_down")
    ]


@pytest.mark.parametrize("window", [None, MINUTE, 10 * MINUTE, DAY])
@pytest.mark.parametrize("mode", CatchupMode)
def test_a_window_of_catching_up_says_nothing_of_a_run_whose_start_lies_ahead(
    mode: CatchupMode, window: timedelta | None
) -> None:
    rules = Rules(
        entries=cron("30 12 * * *"), delays=[2 * HOUR], catchup=CatchupSpec(mode=mode, window=window)
    )
    found = due(rules, covered_until=NOON, now=NOON + HOUR)
    assert [(one.fire.at, one.is_late) for one in found.to_run] == [(NOON + 30 * MINUTE, False)]
    assert found.not_run == ()


seconds = st.integers(0, 5_000).map(lambda count: timedelta(seconds=count))
steps = st.sampled_from([1, 2, 5, 7, 10, 60, 600, 900])


def wanted(rules: Rules, pauses: list[Pause], now: datetime) -> list[Fire]:
    """What runs, as the documentation says it, of every occurrence since NOON: slow, and without windows."""
    found = list(fires(rules.entries, after=NOON, until=now))
    if found and not pauses and now - found[0].at <= ON_TIME:
        return found
    deadline, catchup = rules.start_deadline, rules.catchup
    usable = [one for one in found if not is_paused(pauses, one.at)]
    usable = [one for one in usable if deadline is None or now - one.at <= deadline]
    timely = [one for one in usable if now - rules.not_before(one) <= ON_TIME]
    ahead = [one for one in usable if rules.not_before(one) > now]
    if catchup.mode is CatchupMode.NONE:
        return timely
    if catchup.mode is CatchupMode.LAST:
        is_past = catchup.window is not None and usable and now - usable[-1].at > catchup.window
        return sorted({*ahead, *(() if is_past else usable[-1:])})
    window = catchup.window or DAY
    late = [one for one in usable if one not in timely and now - one.at <= window]
    return sorted([*late[-catchup.limit :], *timely])


@given(
    st.lists(st.tuples(steps, seconds), min_size=1, max_size=2),
    st.builds(
        CatchupSpec,
        mode=st.sampled_from(CatchupMode),
        window=st.none() | seconds,
        limit=st.integers(1, 12),
    ),
    seconds | st.integers(0, 30).map(lambda count: timedelta(seconds=count)),
    st.lists(st.tuples(seconds, st.none() | seconds), max_size=2),
    st.none() | seconds,
)
def test_what_runs_is_what_the_policy_says(
    found: list[tuple[int, timedelta]],
    catchup: CatchupSpec,
    absence: timedelta,
    paused: list[tuple[timedelta, timedelta | None]],
    deadline: timedelta | None,
) -> None:
    """Against an oracle, in whole seconds, so that occurrences lie exactly at every edge."""
    entries = tuple(one for step, _ in found for one in every(seconds=step))
    rules = Rules(
        entries=entries, catchup=catchup, delays=[delay for _, delay in found], start_deadline=deadline
    )
    pauses, now = [a_pause(*one) for one in paused], NOON + absence
    result = due(rules, covered_until=NOON, now=now, pauses=pauses)
    assert [one.fire for one in result.to_run] == wanted(rules, pauses, now)
    assert result.unseen == sum(one.is_late for one in result.to_run) + sum(
        one.count for one in result.not_run if one.reason != "paused"
    )


def test_how_a_pause_is_reported() -> None:
    """Who paused it, and why if they said so; the engine was there meanwhile."""
    for reason, detail in (("", "anna"), ("vendor outage", "anna: vendor outage")):
        pause = Pause("hello", "cli", "anna", reason, NOON, NOON + HOUR, None, "")
        found = due(Rules(entries=every(minutes=10)), covered_until=NOON, now=NOON + HOUR, pauses=[pause])
        (paused,) = [one for one in found.not_run if one.reason == "paused"]
        assert (paused.state, paused.detail, paused.fires) == (RunState.SKIPPED, detail, ())
        assert found.unseen == 0


@pytest.mark.parametrize(
    ("mode", "reasons"),
    [
        (CatchupMode.NONE, ["suspended"]),
        (CatchupMode.LAST, ["superseded"]),
        (CatchupMode.ALL, ["start_deadline", "catchup_limit"]),
    ],
)
def test_what_does_not_run_says_why(mode: CatchupMode, reasons: list[str]) -> None:
    deadline = 2 * HOUR + 30 * MINUTE if mode is CatchupMode.ALL else None
    rules = Rules(entries=every(hours=1), catchup=CatchupSpec(mode=mode, limit=1), start_deadline=deadline)
    found = due(rules, covered_until=NOON, now=NOON + 5 * HOUR + 5 * MINUTE, absence="suspended")
    assert list(dict.fromkeys(one.reason for one in found.not_run)) == reasons


# The edges, where one instant decides


def test_what_lies_exactly_at_the_end_of_the_window_is_caught_up() -> None:
    for mode, entries, now in (
        (CatchupMode.ALL, every(minutes=10), NOON + 3 * HOUR),
        (CatchupMode.LAST, cron("0 14 5 3 *"), NOON + 3 * HOUR),
    ):
        rules = Rules(entries=entries, catchup=CatchupSpec(mode=mode, window=HOUR, limit=30))
        found = due(rules, covered_until=NOON, now=now)
        assert found.to_run[0].fire.at == NOON + 2 * HOUR
        later = due(rules, covered_until=NOON, now=now + timedelta.resolution)
        assert NOON + 2 * HOUR not in [one.fire.at for one in later.to_run]


def test_all_that_is_found_exactly_in_time_runs_whatever_is_caught_up() -> None:
    rules = Rules(entries=every(seconds=5), catchup=CatchupSpec(mode=CatchupMode.LAST))
    late = timedelta(seconds=5) + ON_TIME
    assert len(due(rules, covered_until=NOON, now=NOON + late).to_run) == 3
    assert len(due(rules, covered_until=NOON, now=NOON + late + timedelta.resolution).to_run) == 1


def test_what_a_run_to_come_replaces_is_superseded_and_not_too_late() -> None:
    """The newest occurrence starts later because of its spread: the window says nothing of it."""
    rules = Rules(
        entries=(*cron("10 12 * * *"), *cron("30 12 * * *")),
        delays=[timedelta(0), 2 * HOUR],
        catchup=CatchupSpec(mode=CatchupMode.LAST, window=10 * MINUTE),
    )
    found = due(rules, covered_until=NOON, now=NOON + HOUR)
    assert [one.fire.at for one in found.to_run] == [NOON + 30 * MINUTE]
    assert [(one.first, one.state, one.reason) for one in found.not_run] == [
        (NOON + 10 * MINUTE, RunState.SKIPPED, "superseded")
    ]
