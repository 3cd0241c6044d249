"""Three hosts on one PostgreSQL ledger, all on this machine: runs a second, record to execution, fail-over.

The reference for runs is Procrastinate alone, which starts the same process and records only that it ended.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from bench.rows import row
from jobfile.client import Client
from tests.postgres_servers import a_server

HOSTS = ("a", "b", "c")
SLOTS = 16
RUNS = 600
PACED = 200
EACH_SECONDS = 0.1
TERM = 4
FAIL_OVERS = 3
WAIT_SECONDS = 120.0
JOBFILE = str(Path(sys.executable).parent / "jobfile")
JOBS = """\
version: 1
jobs:
  nothing:
    concurrency: {limit: none}
    command: [/bin/true]
"""
REFERENCE = """
import asyncio, subprocess, sys, time
import procrastinate
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=sys.argv[1]))
runs, slots = int(sys.argv[2]), int(sys.argv[3])

@app.task(name="nothing")
async def nothing():
    process = await asyncio.create_subprocess_exec("/bin/true")
    await process.wait()

async def main():
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*({} for _ in range(runs)))
        begin = time.perf_counter()
        await app.run_worker_async(wait=False, concurrency=slots, install_signal_handlers=False)
        print(runs / (time.perf_counter() - begin))

asyncio.run(main())
"""
OPEN = "select count(*) from run where ended_at is null"
DELAYS = "select (started_at - queued_at) / 1000.0 from run where id = any(%s)"
LEAD = "select host.name, term from leader join host on host.id = leader.host"
SPAN = "select (max(ended_at) - min(queued_at)) / 1e6 from run where id = any(%s)"


def measure() -> list[dict]:
    with (
        tempfile.TemporaryDirectory(dir=Path(__file__).parent, prefix=".state-") as name,
        a_server(settings="") as server,
    ):
        with psycopg.connect(server.url(), autocommit=True) as db:
            db.execute("create database bare")
        bare = reference_rate(server.url("bare"))
        hosts = {}
        try:
            with psycopg.connect(server.url(), autocommit=True) as db:
                hosts = {host: start(Path(name), host, server.url()) for host in HOSTS}
                with Client(store=server.url()) as client:
                    wait_for(lambda: len(live_hosts(db)) == len(HOSTS))
                    rate = measure_rate(db, client)
                    delays = measure_delays(db, client)
                changes = sorted(fail_over(db, hosts, Path(name), server.url()) for _ in range(FAIL_OVERS))
        finally:
            for process in hosts.values():
                process.send_signal(signal.SIGTERM)
            for process in hosts.values():
                process.wait()
    p50, p99 = delays[len(delays) // 2], delays[int(len(delays) * 0.99)]
    return [
        row(
            "three hosts: runs that do nothing", "/s", rate,
            "Procrastinate alone", bare, rate / bare, "at least 120/s",
        ),
        row("three hosts: recorded to executed, p50", "ms", p50, "", None, None, "at most 60 ms"),
        row("three hosts: recorded to executed, p99", "ms", p99, "", None, None, "at most 150 ms"),
        row("three hosts: leader killed, next one leads", "s", changes[-1], "", None, None, "at most 1 s"),
    ]  # fmt: skip


def reference_rate(url: str) -> float:
    """Runs of the same process a second, by one worker of Procrastinate alone with as many slots."""
    command = [sys.executable, "-c", REFERENCE, url, str(RUNS), str(SLOTS)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def start(folder: Path, name: str, url: str) -> subprocess.Popen:
    """A host with its own files and state folder; the first one puts the file in force."""
    here = folder / name
    environ = {**os.environ, "JOBFILE_STORE": url, "JOBFILE_LEADER_TERM": str(TERM)}
    if not here.exists():
        here.mkdir()
        (here / "jobs.yaml").write_text(JOBS)
        if name == HOSTS[0]:
            subprocess.run(
                [JOBFILE, "apply", "--yes"], cwd=here, env=environ, check=True, capture_output=True
            )
    with (here / "output").open("a") as output:
        return subprocess.Popen(
            [JOBFILE, "up", "--role", "all", "--name", name, "--slots", str(SLOTS)],
            cwd=here,
            env=environ,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def live_hosts(db: psycopg.Connection) -> list[tuple]:
    return db.execute("select name from host where ended_at is null").fetchall()


def wait_for(is_true: Callable[[], bool]) -> float:
    """The seconds until something is true."""
    begin = time.perf_counter()
    while not is_true():
        if time.perf_counter() - begin > WAIT_SECONDS:
            raise TimeoutError("the hosts did not do it in time")
        time.sleep(0.01)
    return time.perf_counter() - begin


def is_all_over(db: psycopg.Connection) -> bool:
    return db.execute(OPEN).fetchone() == (0,)


def measure_rate(db: psycopg.Connection, client: Client) -> float:
    """Runs a second, from the first submission to the last end."""
    client.submit("nothing")
    wait_for(lambda: is_all_over(db))
    ids = [one.id for one in client.submit_many([("nothing", {}, None)] * RUNS)]
    wait_for(lambda: is_all_over(db))
    ((seconds,),) = db.execute(SPAN, [ids]).fetchall()
    return RUNS / float(seconds)


def measure_delays(db: psycopg.Connection, client: Client) -> list[float]:
    """Milliseconds from the record of a run to the start of its process, one run after another."""
    ids, begin = [], time.perf_counter()
    for number in range(PACED):
        time.sleep(max(0.0, begin + number * EACH_SECONDS - time.perf_counter()))
        ids.append(client.submit("nothing").id)
    wait_for(lambda: is_all_over(db))
    return sorted(float(delay) for (delay,) in db.execute(DELAYS, [ids]).fetchall())


def fail_over(db: psycopg.Connection, hosts: dict[str, subprocess.Popen], folder: Path, url: str) -> float:
    """Kill all of the host that leads; the seconds until another one leads. It comes back afterwards."""
    leader, term = lead(db)
    os.killpg(hosts[leader].pid, signal.SIGKILL)
    seconds = wait_for(lambda: lead(db)[1] > term)
    hosts[leader].wait()
    hosts[leader] = start(folder, leader, url)
    wait_for(lambda: len(live_hosts(db)) == len(HOSTS))
    return seconds


def lead(db: psycopg.Connection) -> tuple[str, int]:
    """The name of the host that leads or led last, and its term."""
    ((name, term),) = db.execute(LEAD).fetchall()
    return name, term
