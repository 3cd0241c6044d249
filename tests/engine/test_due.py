"""Every due occurrence is accounted for exactly once, whatever the policy."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from engine.due import GAP_FROM, ON_TIME, Rules, due
from engine.lifecycle import RunState
from jobfile.model import CatchupMode, CatchupSpec, EveryEntry
from jobfile.occurrences import fires
from tests.builders import DAY, HOUR, MINUTE, NOON, cron, every

policies = st.builds(
    CatchupSpec,
    mode=st.sampled_from(CatchupMode),
    window=st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=3)),
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
