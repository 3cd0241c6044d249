"""Real engines notify real receivers: at least once, under one id, and no start waits for it."""

import json
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

from engine.channels.pool import AT_ONCE
from tests.acceptance.engines import end, engine, kill, pause, rows, runs, say, start_ready, until
from tests.mail_servers import CUT, HANG, mail_server, mail_url, part_of
from tests.web_servers import Got, free_port, reply, serving

JOBS = """\
version: 1
channels:
  hook:
    http: {{url: "http://127.0.0.1:{port}/", allow_private: [127.0.0.1]}}
  mail: {{secrets: {{MAIL: "env:MAIL_URL"}}, apprise: MAIL}}
jobs:
  one:
    secrets: {{TOKEN: "env:MY_TOKEN"}}
    notify: {{failed: [hook, mail]}}
    run: |
      echo "the token is $TOKEN"
      exit 1
  two: {{run: "exit 2", notify: {{failed: [hook, mail], recovered: [hook]}}}}
"""
TOKEN = "a-token-that-nobody-may-see"
CHANNELS, OWED = 20, 1_000
TICKS = ("tick", "tack", "tock")
SECONDS, SAMPLES = 7, 10
"""How long lateness is measured, and how many starts that gives at least."""
HANGS_SECONDS = 1.5
"""How long a server says nothing before it hangs up: the last channels are tried when time is up."""
GATHERED = "update outbox set at = at - 60000000, next_try_at = at"
"""In place of the wait until a message is made, or tried again."""
ANSWERS = ("ok", "hang", "500", "cut")
"""What a server does with a message, one after the other; then the engine is killed, whatever it knows."""


class Faults:
    """The answers of a server: each in its turn, until all is well. `arrived` counts what has arrived."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.is_well = threading.Event()
        self._turns = cycle(ANSWERS)

    def next(self) -> str:
        self.arrived.release()
        return "ok" if self.is_well.is_set() else next(self._turns)

    def of_a_request(self, _: Got) -> Iterable[bytes]:
        match self.next():
            case "hang":
                self.is_well.wait(60)
            case "500":
                yield reply(b"no", status="500 X")
            case "cut":
                yield b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut"
            case "ok":
                yield reply()

    def of_a_mail(self) -> str:
        return {"ok": "250 ok", "500": "451 later", "cut": CUT, "hang": HANG}[self.next()]


def test_f07_whatever_the_servers_do_each_event_arrives_under_one_id_though_the_engine_is_killed(
    tmp_path: Path,
) -> None:
    """At first nobody is there. Then a server has a message, and may have said so: then the engine is killed,
    and may not know.
    """
    hook, post = Faults(), Faults()
    hook_port, mail_port = free_port(), free_port()
    (tmp_path / "jobs.yaml").write_text(JOBS.format(port=hook_port))
    environ = {"MY_TOKEN": TOKEN, "MAIL_URL": mail_url(mail_port)}
    running = start_ready(tmp_path, **environ)
    for job in ("one", "two"):
        say(tmp_path, "run", job)
    rows(tmp_path, GATHERED)
    tried = "select distinct channel, last_error from outbox where tries > 0 order by channel"
    (_, by_hook), (_, by_mail) = until(
        lambda: found if len(found := rows(tmp_path, tried)) == 2 else None, "both tries", patience=60
    )
    assert "refused" in by_hook
    assert "Connection error" in by_mail
    kill(running)
    with (
        serving(hook.of_a_request, port=hook_port) as server,
        mail_server(post.of_a_mail, port=mail_port) as mails,
    ):
        rows(tmp_path, "update outbox set next_try_at = at")
        running = start_ready(tmp_path, **environ)
        for _ in ANSWERS:
            assert hook.arrived.acquire(timeout=60)
            assert post.arrived.acquire(timeout=60)
            kill(running)
            rows(tmp_path, "update outbox set next_try_at = at")
            running = start_ready(tmp_path, **environ)
        hook.is_well.set()
        post.is_well.set()
        until(
            lambda: not rows(tmp_path, "select id from outbox where sent_at is null"), "all sent", patience=60
        )
        end(running)
        noted = {row[0]: row[1] for row in rows(tmp_path, "select id, channel from outbox")}
        bodies = [json.loads(got.body) for got in server.got]
        texts = [part_of(mail, "plain") for mail in mails.got]
    received = Counter(id for got in server.got for id in got.headers["jobfile-event"].decode().split(","))
    mailed = Counter(text.strip().splitlines()[-1].removeprefix("event ") for text in texts)
    assert sorted(noted.values()) == ["hook", "hook", "mail", "mail"]
    assert {**received, **mailed}.keys() == noted.keys(), "nothing is lost, and each keeps its id"
    assert len(server.got) > 2
    assert len(mails.got) > 2, "some were sent again"
    titles: dict[str, set[str]] = {}
    for body in bodies:
        titles.setdefault(body["id"], set()).add(body["title"])
    assert all(len(found) == 1 for found in titles.values())
    everything = json.dumps(bodies) + "".join(map(str, mails.got)) + "".join(texts)
    assert TOKEN not in everything
    assert "the token is ***" in {body["log_tail"] for body in bodies}
    assert "  the token is ***" in "\n".join(texts).splitlines()
    (run,) = runs(tmp_path, "one")
    story = say(tmp_path, "why", run.id[:8]).stdout
    assert "hook of failed: sent " in story
    assert "mail of failed: sent " in story


def many_channels(port: int) -> str:
    """Half of the channels hang up late, and half refuse."""
    channels = "".join(
        f"  c{n}: {{http: {{url: 'http://127.0.0.1:{port if n % 2 else 1}/', allow_private: [127.0.0.1]}}}}\n"
        for n in range(CHANNELS)
    )
    names = ", ".join(f"c{n}" for n in range(CHANNELS))
    ticks = "".join(f"  {job}: {{schedule: {{every: 1s}}, run: 'true'}}\n" for job in TICKS)
    return (
        f"version: 1\nchannels:\n{channels}jobs:\n{ticks}"
        f"  told: {{run: 'true', notify: {{failed: [{names}]}}}}\n"
    )


def lateness(folder: Path, *, since: float) -> dict[tuple[str, int], float]:
    """How late each run of the jobs that run every second has started, by job and instant."""
    found = rows(
        folder,
        "select job, scheduled_for, started_at from run where job in (?, ?, ?) and scheduled_for > ?"
        " and started_at is not null",
        *TICKS,
        since * 1e6,
    )
    return {(job, instant): (started - instant) / 1e6 for job, instant, started in found}


def test_a_thousand_failing_notifications_delay_no_start(tmp_path: Path) -> None:
    """Two engines run the same jobs at the same moments, and one has the notifications: what else the
    machine does meets both.
    """
    release = threading.Event()

    def hang(_: Got) -> Iterable[bytes]:
        release.wait(HANGS_SECONDS)
        return []

    without, busy = tmp_path / "without", tmp_path / "busy"
    with serving(hang) as server:
        for folder in (without, busy):
            folder.mkdir()
            (folder / "jobs.yaml").write_text(many_channels(server.port))
            end(start_ready(folder))
        rows(
            busy,
            "with recursive numbers(n) as (select 0 union all select n + 1 from numbers where n < ? - 1)"
            " insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)"
            " select printf('%032x', n), n, 'failed', 'c' || (n % ?), 'told', '', '{}', 0 from numbers",
            OWED,
            CHANNELS,
        )
        with engine(without), engine(busy):
            begun = time.time()
            pause(SECONDS)
        release.set()
    alone, with_ = (lateness(folder, since=begun) for folder in (without, busy))
    more = [with_[each] - alone[each] for each in with_.keys() & alone.keys()]
    tried = dict(rows(busy, "select last_error, count(*) from outbox where tries > 0 group by last_error"))
    late = ", ".join(f"{statistics.median(one.values()):.3f} s" for one in (alone, with_))
    print(f"lateness without and with: {late}; more: {statistics.median(more):.3f} s; {tried}")
    assert len(more) > SAMPLES
    assert len(server.got) > AT_ONCE, "the first that hung were followed by others"
    assert len(tried) == 2, "some were refused, others cut"
    assert sum(tried.values()) > OWED / CHANNELS
    assert statistics.median(more) < 0.1
