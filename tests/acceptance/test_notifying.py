"""Real engines notify real receivers: at least once, under one id, and no start waits for it."""

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.acceptance.engines import attempts_of, end, kill, pause, rows, runs, say, start_ready, until
from tests.web_servers import Got, Server, reply, serving

JOBS = """\
version: 1
channels:
  hook:
    http: {{url: "http://127.0.0.1:{port}/", allow_private: [127.0.0.1]}}
jobs:
  one:
    secrets: {{TOKEN: "env:MY_TOKEN"}}
    notify: {{failed: [hook]}}
    run: |
      echo "the token is $TOKEN"
      exit 1
  two: {{run: "exit 2", notify: {{failed: [hook], recovered: [hook]}}}}
"""
KILLS = 4
TOKEN = "a-token-that-nobody-may-see"
CHANNELS, OWED = 20, 1_000


def ids_of(server: Server) -> list[str]:
    return [id for got in server.got for id in got.headers["jobfile-event"].decode().split(",")]


def test_f07_each_event_is_received_with_one_id_however_often_the_engine_is_killed(tmp_path: Path) -> None:
    """The receiver has a message, and the engine is killed before it knows."""
    arrived, is_killed = threading.Semaphore(0), threading.Event()

    def slowly(_: Got) -> Iterable[bytes]:
        arrived.release()
        if not is_killed.wait(60):
            return
        yield reply()

    with serving(slowly) as server:
        (tmp_path / "jobs.yaml").write_text(JOBS.format(port=server.port))
        engine = start_ready(tmp_path, MY_TOKEN=TOKEN)
        for job in ("one", "two"):
            say(tmp_path, "run", job)
        for _ in range(KILLS):
            assert arrived.acquire(timeout=60)
            kill(engine)
            engine = start_ready(tmp_path, MY_TOKEN=TOKEN)
        is_killed.set()
        until(
            lambda: not rows(tmp_path, "select id from outbox where sent_at is null"), "all sent", patience=60
        )
        end(engine)
        noted = {row[0] for row in rows(tmp_path, "select id from outbox")}
        received = Counter(ids_of(server))
        bodies = [json.loads(got.body) for got in server.got]
    assert len(noted) == 2
    assert set(received) == noted
    assert max(received.values()) >= KILLS, "at least once, under the same id"
    texts: dict[str, set[str]] = {}
    for body in bodies:
        texts.setdefault(body["id"], set()).add(body["title"])
    assert all(len(titles) == 1 for titles in texts.values())
    assert TOKEN not in json.dumps(bodies)
    assert "the token is ***" in {body["log_tail"] for body in bodies}


def test_a_receiver_that_fails_in_every_way_gets_the_message_in_the_end(
    tmp_path: Path,
) -> None:
    answers = iter([b"", reply(b"no", status="500 X"), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"])

    def answer(_: Got) -> Iterable[bytes]:
        return [next(answers, reply())]

    with serving(answer) as server:
        (tmp_path / "jobs.yaml").write_text(JOBS.format(port=server.port))
        engine = start_ready(tmp_path, MY_TOKEN=TOKEN)
        say(tmp_path, "run", "one")
        for tries in range(1, 4):
            until(lambda n=tries: rows(tmp_path, f"select 1 from outbox where tries >= {n}"), patience=60)
            end(engine)
            rows(tmp_path, "update outbox set next_try_at = at")  # in place of the wait
            engine = start_ready(tmp_path, MY_TOKEN=TOKEN)
        until(lambda: rows(tmp_path, "select 1 from outbox where sent_at is not null"), patience=60)
        end(engine)
    assert len(server.got) == 4
    assert len(set(ids_of(server))) == 1
    (run,) = runs(tmp_path, "one")
    story = say(tmp_path, "why", run.id[:8]).stdout
    assert "hook of failed: sent " in story
    assert "after 4 tries" in story


def many_channels(port: int) -> str:
    """Half of the channels hang, and half refuse."""
    channels = "".join(
        f"  c{n}: {{http: {{url: 'http://127.0.0.1:{port if n % 2 else 1}/', allow_private: [127.0.0.1]}}}}\n"
        for n in range(CHANNELS)
    )
    names = ", ".join(f"c{n}" for n in range(CHANNELS))
    return (
        f"version: 1\nchannels:\n{channels}jobs:\n  tick: {{schedule: {{every: 1s}}, run: 'true'}}\n"
        f"  told: {{run: 'true', notify: {{failed: [{names}]}}}}\n"
    )


def lateness(folder: Path, *, seconds: float) -> list[float]:
    """How late each run of the job that runs every second has started."""
    engine = start_ready(folder)
    begun = time.time()
    pause(seconds)
    end(engine)
    found = []
    for run in runs(folder, "tick"):
        (attempt, *_) = attempts_of(folder, run.id) or (None,)
        if attempt is not None and attempt.started_at is not None and run.scheduled_for.timestamp() > begun:
            found.append((attempt.started_at - run.scheduled_for).total_seconds())
    return found


@pytest.mark.timeout(240)
def test_a_thousand_failing_notifications_delay_no_start(tmp_path: Path) -> None:
    release = threading.Event()

    def hang(_: Got) -> Iterable[bytes]:
        release.wait(120)
        return []

    with serving(hang) as server:
        (tmp_path / "jobs.yaml").write_text(many_channels(server.port))
        without = lateness(tmp_path, seconds=15)
        for n in range(OWED):
            rows(
                tmp_path,
                "insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)"
                " values (?, ?, 'failed', ?, 'told', '', '{}', 0)",
                f"{n:032x}",
                n,
                f"c{n % CHANNELS}",
            )
        busy = lateness(tmp_path, seconds=15)
        release.set()
    tried = rows(tmp_path, "select count(*) from outbox where tries > 0 and last_error <> ''")
    with_, alone = statistics.median(busy), statistics.median(without)
    print(f"lateness without: {alone:.3f} s, with: {with_:.3f} s, {tried[0][0]} tried")
    assert len(without) > 10
    assert len(busy) > 10
    assert tried[0][0] > OWED / CHANNELS
    assert with_ < alone + 0.1
