"""The process beside the server: its answers are those of this process, whatever happens to it."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.answers.choice import UNKNOWN, Labels
from engine.answers.listing import WrittenJob
from engine.core.errors import JobfileError
from engine.host.clock import SystemClock
from engine.sources.folder import FolderTree
from engine.web.apart.computer import Computer
from engine.web.apart.day import Day, day_in, look_at_day
from engine.web.apart.first import first_questions
from engine.web.apart.jobs import all_jobs, written
from engine.web.apart.last_day import last_day
from engine.web.apart.passing import Failure, from_bytes, passed_error, to_bytes
from engine.web.apart.question import Question, Stage, answer_of
from engine.web.apart.upkeep import examined, metrics
from engine.web.apart.window import Chosen, look_at_window
from jobfile.schedule.zones import load_zone
from tests.acceptance.engines import until
from tests.web.served import children_of, served
from tests.web.site import Web

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Web]:
    """A site whose jobs have run and whose files have changed since; no engine is there any more."""
    web = Web(tmp_path)
    web.live()
    (tmp_path / "jobs.yaml").write_text((tmp_path / "jobs.yaml").read_text() + "  new: {run: x, owner: me}\n")
    yield web
    web.close()


@pytest.fixture
def computer(lived: Web) -> Iterator[Computer]:
    found = Computer(lived.place)
    yield found
    found.close()


def valued(computer: Computer, question: Question) -> Any:
    """The answer of the process to a question; each question has its own kind of answer."""
    return computer.answer(question).value


def answer_here(question: Question, stage: Stage) -> Any:
    """The same, computed in this process."""
    return answer_of(question, stage).value


def test_the_process_gives_the_answers_that_are_computed_here(lived: Web, computer: Computer) -> None:
    zone = load_zone("America/New_York")
    assert zone is not None
    day = day_in(zone, lived.world.clock.now())
    stage = replace(lived.site, clock=SystemClock().now)  # as there
    for pattern in ("*", "good*"):
        asked = Question(look_at_day, (day, pattern))
        there, here = valued(computer, asked), answer_here(asked, stage)
        assert replace(there, at=here.at) == here
        assert here.total.verdicts["succeeded"] == 3
    patient = Question(all_jobs, (), (("is_patient", True),))
    (there, choices), (here, expected) = valued(computer, patient), answer_here(patient, stage)
    assert [(one.job, one.labels, one.notes) for one in there.jobs] == [
        (one.job, one.labels, one.notes) for one in here.jobs
    ]
    assert [one.job for one in there.jobs] == ["bad", "good", "new", "other"]
    assert choices[:2] == expected[:2] == (("mail", "nightly"), ("data", "me"))
    window = Question(look_at_window, (day.since, day.until, Chosen(("nightly",), "o", "*")), (("skip", 0),))
    assert [row.job for row in valued(computer, window).rows] == ["good"]
    assert valued(computer, Question(last_day)) is not None
    assert b"jobfile_" in valued(computer, Question(metrics))
    assert len(valued(computer, Question(examined))) == len(answer_here(Question(examined), lived.site))


def test_what_the_process_cannot_read_is_said_with_its_answer(lived: Web, computer: Computer) -> None:
    with sqlite3.connect(lived.world.config.ledger) as db:
        db.execute("pragma ignore_check_constraints = on")
        db.execute("update run set params = 'not JSON' where job = 'good'")
    found = computer.answer(Question(all_jobs, (), (("is_patient", True),)))
    assert found.notes
    assert "cannot be read" in found.notes[0]
    assert lived.owner("/api/v1/jobs").headers["jobfile-warnings"]


def test_files_are_compiled_in_a_process_that_ends_then(lived: Web) -> None:
    snapshot = FolderTree(lived.place.main_file).snapshot()
    compiler = Computer(lived.place)
    found = valued(compiler, Question(written, (snapshot,)))
    assert [(one.name, one.labels.owner) for one in found.jobs] == [
        ("bad", ""), ("good", "data"), ("new", "me"), ("other", ""),
    ]  # fmt: skip
    assert all(isinstance(one, WrittenJob) for one in found.jobs)
    before = children_of(os.getpid())
    compiler.close()
    until(lambda: len(children_of(os.getpid())) < len(before))


def test_a_process_that_ends_is_replaced_and_a_question_that_ends_it_is_given_up(
    lived: Web, computer: Computer
) -> None:
    def kill() -> None:
        for one in children_of(os.getpid()):
            if b"engine.web.apart" in Path(f"/proc/{one}/cmdline").read_bytes():
                os.kill(one, signal.SIGKILL)

    assert valued(computer, Question(last_day)) is not None
    kill()
    assert valued(computer, Question(last_day)) is not None
    with pytest.raises(JobfileError, match="has ended"):
        computer.answer(Question(last_day, (Deadly(),)))
    assert valued(computer, Question(last_day)) is not None


def test_errors_come_back_as_they_were_raised(tmp_path: Path) -> None:
    web = Web(tmp_path)
    computer = Computer(web.place)
    with pytest.raises(Failure, match="AttributeError"):
        computer.answer(Question(look_at_day, ("no day", "*")))
    web.close()
    (tmp_path / "jobs.yaml").unlink()
    web.world.config.ledger.unlink()
    with pytest.raises(JobfileError) as caught:
        computer.answer(Question(metrics))
    with pytest.raises(JobfileError) as expected:
        answer_of(Question(metrics), web.site)
    assert (str(caught.value), caught.type) == (str(expected.value), expected.type)
    computer.close()


class Deadly:
    """What ends the process that gets it."""

    def __reduce__(self) -> tuple[Callable[[], object], tuple[()]]:
        return os.abort, ()


class Stubborn(JobfileError):
    """An error that cannot be copied."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def test_what_is_passed_stays_what_it_is() -> None:
    zone = load_zone("Europe/Oslo")
    assert zone is not None
    for value in (day_in(zone, NOON), first_questions(NOON), Labels("me", ("a",)), {"a": [1, None]}):
        assert from_bytes(to_bytes(value)) == value
    day = from_bytes(to_bytes(day_in(zone, NOON)))
    assert isinstance(day, Day)
    assert day.zone is zone  # the rules are those of the package tzdata, not of this machine
    assert from_bytes(to_bytes(UNKNOWN)) is UNKNOWN
    assert from_bytes(to_bytes(Labels())) is not UNKNOWN
    assert isinstance(passed_error(Stubborn(1, 2), "words"), Failure)


def test_the_process_ends_with_its_server_however_that_ends(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text("version: 1\njobs: {a: {run: x}}\n")
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with served(tmp_path, "--listen", "127.0.0.1:0") as server:
            assert " 200 " in server.get("/").splitlines()[0]
            (beside,) = children_of(server.process.pid)
            arguments = Path(f"/proc/{beside}/cmdline").read_bytes()
            assert str(tmp_path).encode() not in arguments
            server.process.send_signal(sent)
            server.process.wait(30)
            until(lambda beside=beside: not Path(f"/proc/{beside}/stat").exists())  # type: ignore[misc]  # of this round
