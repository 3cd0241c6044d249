"""Notifications are sent at least once, under one id, in order and without storms; none is lost."""

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.answers.notifications import notification_facts
from engine.core.events import ChannelDown, ChannelUp, NotificationGivenUp
from engine.core.records import Notification, Owed, Parcel, Told
from engine.notifications.batches import (
    GATHER,
    GIVE_UP_AFTER,
    LEAST_TRIES,
    LONGEST_RETRY,
    PACE,
    SEPARATE_JOBS,
    is_too_old,
    make_batch,
    next_parcel,
    retry_after,
)
from engine.notifications.message import Message
from engine.notifications.quiet import REPEAT
from tests.builders import DAY, HOUR, MINUTE, NOON
from tests.engine.world import World
from tests.soak import examples

SECOND = timedelta(seconds=1)
ONE_JOB = """
version: 1
channels:
  oncall: {command: [notify-send, "{{ event.title }}"]}
  config: {command: [notify-send, "{{ event.title }}"]}
  engine: {command: [notify-send, "{{ event.title }}"]}
jobs:
  hello:
    schedule: {every: 1m}
    owner: anna@example.com
    notify: {failed: [oncall], recovered: [oncall], missed: [oncall]}
    run: echo hello
"""
MANY_JOBS = (
    ONE_JOB.partition("jobs:")[0]
    + "jobs:\n"
    + "".join(f"  job-{n}: {{notify: {{failed: [oncall]}}, run: echo hello}}\n" for n in range(30))
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, ONE_JOB, at=NOON)


def end(world: World, code: int) -> None:
    """Let a minute pass, and end the run that falls due in it."""
    world.pass_time(seconds=60)
    world.finish(exit_code=code)


def messages(world: World) -> list[Message]:
    return [message for _, message in world.receiver.got]


def told(world: World) -> list[str]:
    return [id for message in messages(world) for id in message.ids]


def noted(world: World) -> list[str]:
    rows = world.store._db._db.execute("select id from outbox order by at, id").fetchall()
    return [row["id"] for row in rows]


# The sender on a real ledger


def test_a_failure_is_sent_once_its_moment_of_gathering_is_over(world: World) -> None:
    end(world, 3)
    world.loops.sender.tick()
    assert messages(world) == []
    world.send(seconds=20)
    (message,) = messages(world)
    assert message.title == "hello failed: exit code 3"
    assert told(world) == noted(world)
    world.send()
    assert len(messages(world)) == 1


def test_a_job_that_fails_every_minute_is_told_once_and_then_at_most_once_an_hour(world: World) -> None:
    for _ in range(70):
        end(world, 1)
        world.send(seconds=10)
    assert len(messages(world)) == 2
    assert messages(world)[0].title == "hello failed: exit code 1"
    assert messages(world)[1].title.startswith("hello failed: exit code 1 (")
    assert Counter(told(world)).most_common(1)[0][1] == 1


def test_a_recovery_ends_the_silence_and_is_told_once_with_what_was_held_back(world: World) -> None:
    for code in (1, 1, 1, 0, 0, 1):
        end(world, code)
        world.send(seconds=30)
    world.send()
    assert [message.title for message in messages(world)] == [
        "hello failed: exit code 1",
        "hello has recovered",
        "hello failed: exit code 1",
    ]
    assert "it failed 2 more times since" in messages(world)[1].text
    assert told(world) == noted(world)


def test_a_storm_becomes_one_message_that_lists_every_event(tmp_path: Path) -> None:
    world = World(tmp_path, MANY_JOBS, at=NOON)
    for n in range(30):
        world.run_by_hand(f"job-{n}")
    while world.launcher.running():
        world.finish(exit_code=2)
    world.send()
    (message,) = messages(world)
    assert message.title.startswith("30 events of 30 jobs: job-")
    assert message.title.endswith(" and 27 more")
    assert sorted(message.ids) == sorted(noted(world))
    assert all(f"job-{n} failed: exit code 2" in message.text for n in range(30))


def test_an_hour_of_a_dead_channel_loses_nothing_and_storms_nobody(tmp_path: Path) -> None:
    world = World(tmp_path, MANY_JOBS, at=NOON)
    world.receiver.error = "no route to host"
    for minute in range(60):
        world.run_by_hand(f"job-{minute % 30}")
        world.finish(exit_code=2)
        world.send(seconds=60)
    assert len(world.receiver.tries) <= 12
    world.receiver.error = ""
    world.send(seconds=1800)
    assert len(messages(world)) <= 5, "the four that were tried, and one that lists the others"
    world.send(seconds=2 * 3600)
    assert sorted(told(world)) == sorted(noted(world))
    assert len(noted(world)) == 60
    assert len(messages(world)) <= 9, "and the repetitions of the four, an hour later"
    down = [one for one in world.journal.events if isinstance(one, (ChannelDown, ChannelUp))]
    assert down == [ChannelDown(channel="oncall", error="no route to host"), ChannelUp(channel="oncall")]


def test_the_events_of_a_job_come_in_their_order(world: World) -> None:
    world.receiver.error = "down"
    for code in (1, 0, 1, 0, 1, 0):
        end(world, code)
        world.send(seconds=60)
    world.receiver.error = ""
    world.send(seconds=2 * 3600)
    assert told(world) == noted(world)


def test_a_message_is_sent_again_under_its_id_when_the_engine_dies_before_it_is_recorded(
    world: World,
) -> None:
    end(world, 1)
    world.clock.advance(seconds=10)
    world.loops.sender.tick()
    assert len(messages(world)) == 1
    for _ in range(3):
        world.crash()
        world.boot()
        end(world, 0)
        world.loops.sender.tick()
    first, *others = messages(world)
    again = [message for message in others if message.id == first.id]
    assert again
    assert all((message.ids, message.title) == (first.ids, first.title) for message in again)
    world.send()
    assert set(told(world)) == set(noted(world))


def test_a_message_that_fails_for_a_day_is_given_up_and_that_is_recorded(world: World) -> None:
    world.receiver.error = "550 no such mailbox"
    end(world, 1)
    world.send(seconds=600)
    world.clock.advance(seconds=GIVE_UP_AFTER.total_seconds())
    while world.store.outbox.channels() and len(world.receiver.tries) < LEAST_TRIES + 1:
        world.clock.advance(seconds=LONGEST_RETRY.total_seconds())
        world.loops.sender.tick()
    world.loops.sender.tick()
    assert len(world.receiver.tries) == LEAST_TRIES
    assert world.store.outbox.channels() == ()
    given_up = world.view.soundness.given_up()
    assert (given_up.given_up, given_up.newest is not None) == (1, True)
    (event,) = (one for one in world.journal.events if isinstance(one, NotificationGivenUp))
    assert (event.channel, event.count, event.error) == ("oncall", 1, "550 no such mailbox")
    (row,) = world.view.notifications(world.runs()[0].id)
    assert (row.sent_at, row.last_error, row.tries > 3) == (None, "550 no such mailbox", True)


def test_a_message_older_than_a_day_is_tried_at_least_once(world: World) -> None:
    end(world, 1)
    world.clock.advance(seconds=3 * 86_400)
    world.loops.sender.tick()
    assert len(messages(world)) == 1


def test_no_hold_stops_the_sending_and_each_is_told(world: World) -> None:
    end(world, 1)
    world.guard.look()
    world.clock.jump(seconds=400 * 86_400)
    assert world.guard.look().is_held
    world.send(seconds=120)
    assert {channel for channel, _ in world.receiver.got} == {"oncall", "engine"}
    world.clock.jump(seconds=-400 * 86_400)
    assert not world.guard.look().is_held
    world.send(seconds=600)
    about = [message.title for channel, message in world.receiver.got if channel == "engine"]
    assert len(about) == 2
    assert about[0].startswith("jobfile starts nothing: the clock is not believed")
    assert about[1].startswith("jobfile starts runs again")
    assert world.store.outbox.channels() == ()


def test_a_rejected_file_and_its_acceptance_are_told_to_the_channel_config(world: World) -> None:
    world.edit(ONE_JOB.replace("run: echo", "ruin: echo"))
    world.send(seconds=120)
    world.edit(ONE_JOB)
    world.send(seconds=120)
    found = [message for channel, message in world.receiver.got if channel == "config"]
    assert [message.title for message in found] == [
        "the job files were rejected",
        "the job files are good again",
    ]
    assert "JF" in found[0].text
    assert "generation 1 stays in force" in found[0].text


def test_a_corrected_channel_is_used_for_messages_that_wait(world: World) -> None:
    world.receiver.error = "wrong address"
    end(world, 1)
    world.send(seconds=60)
    world.edit(ONE_JOB.replace("notify-send", "right"))
    world.receiver.error = ""
    world.send()
    assert [channel.command[0] for channel in world.receiver.channels][-2:] == ["notify-send", "right"]


def test_a_channel_that_is_gone_says_so_and_holds_up_no_other(world: World) -> None:
    end(world, 1)
    world.store._db._db.execute("update outbox set channel = 'gone', run_id = ''")
    world.send()
    assert messages(world) == []
    (error,) = {row["last_error"] for row in world.store._db._db.execute("select last_error from outbox")}
    assert error == "channel `gone` is no longer in the job files"


def test_a_message_that_was_old_before_its_first_try_is_not_given_up_for_hours() -> None:
    """It has waited for an engine or for the end of quiet hours, and the channel is down just then."""
    now, tries = NOON + 3 * DAY, 0
    parcel = Parcel("a", ("hello",), NOON, 0, NOON)
    while not is_too_old(parcel._replace(tries=tries), now):
        tries += 1
        now += retry_after(tries)
    assert tries + 1 == LEAST_TRIES
    assert now - (NOON + 3 * DAY) > 3 * HOUR


WAITING = Notification("failed", "mail", NOON, 0, NOON, None, None, "")


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (WAITING, "mail of failed: not sent yet"),
        (WAITING._replace(tries=1, sent_at=NOON), "mail of failed: sent 2026-03-05 12:00 UTC"),
        (
            WAITING._replace(tries=4, sent_at=NOON),
            "mail of failed: sent 2026-03-05 12:00 UTC, after 4 tries",
        ),
        (
            WAITING._replace(tries=1, last_error="no route", next_try_at=NOON + MINUTE),
            "mail of failed: not delivered yet, 1 try; the next 2026-03-05 12:01 UTC: no route",
        ),
        (
            WAITING._replace(tries=50, last_error="no route", given_up_at=NOON + DAY),
            "mail of failed: NOT DELIVERED, given up 2026-03-06 12:00 UTC after 50 tries: no route",
        ),
    ],
)
def test_why_says_whether_each_notification_was_delivered(found: Notification, words: str) -> None:
    zone = ZoneInfo("UTC")
    assert notification_facts([found, found], zone) == [("notified", words), ("", words)]


# The decisions


def owed(id: str, at: datetime, *, job: str = "hello", event: str = "failed", previous: str = "") -> Owed:
    facts = json.dumps({"previous": previous} if previous else {})
    return Owed(id, at, event, "mail", job, "", facts)


def test_a_failure_after_a_success_is_news_even_if_the_recovery_was_not_told() -> None:
    last = [Told("hello", "failed", NOON)]
    now = NOON + 10 * MINUTE
    assert make_batch([owed("a", now - MINUTE)], last, [], now).messages == {}
    found = make_batch([owed("a", now - MINUTE, previous="succeeded")], last, [], now)
    assert found.messages == {"a": {"hello": now}}


@settings(max_examples=examples(20), deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 7200),
            st.sampled_from(["a", "b", "c", "d", "e"]),
            st.sampled_from(["failed", "recovered"]),
        ),
        max_size=40,
    ),
    st.lists(st.booleans(), min_size=1, max_size=30),
)
def test_whatever_happens_each_event_is_in_one_message_in_order_and_the_pace_is_kept(
    events: list[tuple[int, str, str]], answers: list[bool]
) -> None:
    waiting = [
        owed(f"{n:04}", NOON + s * SECOND, job=j, event=e) for n, (s, j, e) in enumerate(sorted(events))
    ]
    rows, parcels, history = list(waiting), {}, []
    delivered: list[tuple[datetime, list[Owed]]] = []
    made: list[datetime] = []
    now, tries = NOON, 0
    for _ in range(3_000):
        pending = [one for one in rows if one.at <= now]
        recent = [one for one in history if one.at >= now - REPEAT]
        batch = make_batch(pending, recent, [one for one, _ in parcels.values()], now)
        if batch.messages:
            made.append(now)
        for id, upto in batch.messages.items():
            own = [one for one in pending if one.job in upto and one.at <= upto[one.job]]
            assert own[0].id == id or id in {one.id for one in own}
            rows = [one for one in rows if one not in own]
            parcels[id] = (Parcel(id, tuple(upto), own[0].at, 0, own[0].at), own)
        parcel = next_parcel([one for one, _ in parcels.values()], now)
        if parcel is not None:
            own = parcels[parcel.id][1]
            if answers[tries % len(answers)] or tries > 20:
                del parcels[parcel.id]
                delivered.append((now, own))
                history += [Told(one.job, one.event, now) for one in own]
            else:
                later = now + retry_after(parcel.tries + 1)
                parcels[parcel.id] = (parcel._replace(tries=parcel.tries + 1, next_try_at=later), own)
            tries += 1
        elif not rows and not parcels:
            break
        else:
            now += 30 * SECOND
    assert sorted(one.id for _, own in delivered for one in own) == [one.id for one in waiting]
    for job in "abcde":
        order = [one.id for _, own in delivered for one in own if one.job == job]
        assert order == sorted(order)
    for _, own in delivered:
        assert len({one.job for one in own}) == 1 or len({one.job for one in own}) > SEPARATE_JOBS


def test_a_time_that_a_wrong_clock_has_set_holds_nothing_back() -> None:
    far = NOON + 400 * DAY
    parcel = Parcel("a", ("hello",), NOON, 1, far)
    assert next_parcel([parcel], NOON) == parcel
    found = make_batch([owed("a", far)], [Told("hello", "failed", far)], [], NOON)
    assert list(found.messages) == ["a"]


def test_retries_are_over_hours_and_a_server_may_ask_for_more_time() -> None:
    waits = [retry_after(tries) for tries in range(1, 12)]
    assert waits[:4] == [30 * SECOND, MINUTE, 2 * MINUTE, 4 * MINUTE]
    assert max(waits) == LONGEST_RETRY
    assert retry_after(1, asked=600) == 10 * MINUTE
    assert retry_after(1, asked=10**9) == LONGEST_RETRY
    assert GATHER < PACE < HOUR <= REPEAT
