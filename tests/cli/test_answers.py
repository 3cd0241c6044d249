"""The answers on the command line, on ledgers with a past: no engine, other zones, runs by their ids."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.cli.conftest import Jobfile
from tests.cli.test_files import fits
from tests.engine.test_faults import a_file
from tests.engine.world import World

BEGAN = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=3)
DUE = tuple(BEGAN + timedelta(minutes=minutes) for minutes in (30, 90, 150))
HOURLY = f'"{DUE[0].minute} * * * *"'


def a_past(folder: Path, text: str) -> World:
    """A ledger whose engine began three hours ago. What happens in it is up to the test."""
    (folder / "jobs.yaml").write_text(text)
    return World(folder, text, at=BEGAN)


def test_a_dead_engine_is_told_by_every_answer_and_by_its_exit_code(jobfile: Jobfile, tmp_path: Path) -> None:
    world = a_past(tmp_path, a_file(schedule=HOURLY))
    world.pass_time(seconds=3600)
    world.finish()
    world.crash()
    since = f"since {BEGAN + timedelta(hours=1):%Y-%m-%d %H:%M} UTC"
    said = jobfile("did", "hello")
    assert said.code == 6
    assert said.out.startswith(
        f"hello: overdue, it has not run: no engine is running {since}; `jobfile up` then"
    )
    answer = jobfile("did", "hello", "--json").json
    fits(answer, "did")
    assert (answer["answer"], answer["exit_code"], answer["items"][0]["state"]) == ("overdue", 6, "overdue")
    story = jobfile("why", "hello", f"{DUE[2]:%Y-%m-%dT%H:%MZ}", "--json").json
    fits(story, "why")
    assert story["state"] == "overdue"
    assert (
        f"has not run: no engine is running {since}; `jobfile up` then makes up for it" in story["headline"]
    )
    said = jobfile("report")
    assert said.code == 1
    assert (
        f"\nNO ENGINE {since}: 2 runs are due and nothing starts them; start it with  jobfile up\n"
        in said.out
    )
    report = jobfile("report", "--json").json
    fits(report, "report")
    assert (report["overdue"], report["open"], report["engine"]["running"]) == (2, 0, False)
    said = jobfile("status")
    assert said.code == 1
    assert "2 OVERDUE: they were due, and nothing has started them" in said.out
    status = jobfile("status", "--json").json
    fits(status, "status")
    assert status["overdue"] == 2


def test_a_run_whose_process_is_gone_is_told_without_an_engine(jobfile: Jobfile, tmp_path: Path) -> None:
    world = a_past(tmp_path, a_file(schedule='"0 0 1 1 *"'))
    run = world.run_by_hand("hello")
    world.crash()
    said = "it ended, or was killed, and no engine has recorded it yet"
    answer = jobfile("did", "hello")
    assert answer.code == 4
    assert said in answer.out
    assert said in " ".join(jobfile("why", "hello", run.scheduled_for.isoformat()).out.split())
    assert said in jobfile("runs").out
    status = jobfile("status")
    assert "1 of the running has ended, or was killed" in status.out
    assert jobfile("status", "--json").json["unsettled"] == 1
