"""What attempts write and keep is read from every host, as their own host has it in files."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest

from engine.core.artifacts import KeptArtifact
from engine.core.errors import OutputsUnavailableError
from engine.core.lifecycle import Artifact, AttemptKey, Ended
from engine.core.pieces import IN_LEDGER, PIECE_BYTES, Whereabouts
from engine.execution.artifact_files import CopyGoneError, read_copy
from engine.execution.attempt_output import AttemptOutput, output_of
from engine.execution.output_pieces import pieces_after
from engine.execution.output_ranges import between, size_of
from engine.execution.output_text import tail_of
from engine.execution.output_windows import find_lines, read_window
from engine.execution.run_folders import artifacts_of, compress_attempt
from engine.hosts.outputs import END_SECONDS, MOST_PIECES, SEND_SECONDS
from engine.ledger.host_ports import OUTPUTS
from engine.loops.housekeeper import Housekeeper
from engine.supervisor.output import HEAD_BYTES, SEGMENT_BYTES, SEGMENTS_KEPT, OutputTail
from engine.supervisor.storing import OutputFiles
from engine.testing import KeptJournal
from tests.hosts.world import FakeHost, HostsWorld
from tests.stand_in_s3 import ObjectServer, object_server
from tests.web.site import Web

JOBS = """
version: 1
jobs:
  talk: {run: 'true', concurrency: {limit: 9}}
"""
ELSEWHERE = Path("/nonexistent")


class NoMask:
    """A filter that changes nothing."""

    def feed(self, part: bytes) -> bytes:
        return part

    def rest(self) -> bytes:
        return b""


class Talk:
    """A run that executes on the host `a`, whose output the test writes as a supervisor does."""

    def __init__(self, folder: Path, objects: str = "") -> None:
        self.world = HostsWorld(folder, JOBS, hosts=[])
        with self.world.store.transaction():
            self.world.store.past.note(OUTPUTS, objects)
        self.world.add("a")
        self.run = self.world.run_by_hand("talk")
        self.world.turn()
        self.key = AttemptKey(self.run.id, 1)
        self.folder = self.a.config.attempt_dir(self.key)
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.files = OutputFiles(str(self.folder), NoMask())
        self.pieces = self.world.shared.outputs

    @property
    def a(self) -> FakeHost:
        return self.world.hosts["a"]

    def elsewhere(self) -> AttemptOutput:
        """The output as another host reads it."""
        return AttemptOutput(ELSEWHERE, self.key, self.pieces)

    def there(self) -> bytes:
        return self.elsewhere().tail().read()

    def here(self) -> bytes:
        return OutputTail(self.folder).read()

    def state(self) -> str:
        [run] = self.world.runs("talk")
        return run.state.value

    def finish(self, *artifacts: Artifact) -> None:
        [flight] = self.a.launcher.flights.values()
        self.a.launcher.finish(self.key.id)
        assert isinstance(flight.end, Ended)
        flight.end = replace(flight.end, artifacts=artifacts)


@pytest.fixture(scope="session")
def objects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with object_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def talk(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Talk:
    match getattr(request, "param", "table"):
        case "s3":
            server: ObjectServer = request.getfixturevalue("objects")
            for name, value in server.environ.items():
                monkeypatch.setenv(name, value)
            return Talk(tmp_path, server.make_bucket(f"bucket-{uuid4().hex}"))
        case "objects":
            return Talk(tmp_path, (tmp_path / "objects").as_uri())
        case _:
            return Talk(tmp_path)


EVERYWHERE = pytest.mark.parametrize("talk", ["table", "objects", "s3"], indirect=True)
"""In the ledger's own table, and in an object store: a folder, and a server with the API of S3."""
IN_OBJECTS = pytest.mark.parametrize("talk", ["objects", "s3"], indirect=True)


def noise(size: int, *, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


@EVERYWHERE
def test_output_is_read_elsewhere_as_it_comes_whatever_its_bytes_are(talk: Talk) -> None:
    tail, seen = talk.elsewhere().tail(), b""
    assert tail.read() == b""
    for part in (b"one\n", b"\0\xff\xfe half", b" line\n", noise(3 * PIECE_BYTES), b"x" * PIECE_BYTES, b"."):
        talk.files.write(part)
        talk.world.pass_time(seconds=SEND_SECONDS)
        seen += (new := tail.read())
        assert new == part
    assert talk.there() == talk.here() == seen
    assert talk.elsewhere().stored_bytes() == AttemptOutput(talk.folder).stored_bytes() == len(seen)
    same_parts(talk, seen)


def same_parts(talk: Talk, whole: bytes) -> None:
    """A part that is read by itself is the same there and here: at both ends, and over a boundary."""
    for output in (talk.elsewhere(), AttemptOutput(talk.folder)):
        stretches = output.stretches()
        assert size_of(stretches) == len(whole)
        for first, last in ((0, 9), (PIECE_BYTES - 2, PIECE_BYTES + 2), (len(whole) - 9, len(whole) - 1)):
            assert b"".join(between(stretches, first, last)) == whole[first : last + 1]


@EVERYWHERE
def test_an_end_is_reported_when_all_output_is_there(talk: Talk) -> None:
    talk.files.write(noise(HEAD_BYTES + 5 * PIECE_BYTES))
    talk.finish()
    while talk.state() == "running":
        talk.world.pass_time(seconds=0.1)
    assert talk.there() == talk.here()


def test_an_end_without_output_waits_for_nothing(talk: Talk) -> None:
    talk.finish()
    talk.a.hosting.check()
    talk.world.step()
    assert talk.state() == "succeeded"


def test_a_server_that_takes_no_output_delays_the_report_of_an_end_by_a_bounded_time(talk: Talk) -> None:
    talk.a.network.breaks = {"append"}
    talk.files.write(b"late\n")
    talk.finish()
    talk.world.pass_time(seconds=1)
    assert talk.state() == "running"
    talk.world.pass_time(seconds=END_SECONDS + 1)
    assert talk.state() == "succeeded"
    assert talk.there() == b""
    talk.a.network.breaks = set()
    talk.world.pass_time(seconds=3)
    assert talk.there() == b"late\n"


@EVERYWHERE
def test_while_the_server_is_away_a_job_prints_and_all_of_it_comes_later(talk: Talk) -> None:
    talk.files.write(b"before\n")
    talk.world.pass_time(seconds=1)
    talk.a.network.is_cut = True
    talk.files.write(noise(2 * PIECE_BYTES))
    talk.world.pass_time(seconds=10)
    assert talk.there() == b"before\n"
    talk.a.network.is_cut = False
    talk.world.pass_time(seconds=3)
    assert talk.there() == talk.here()


def test_an_answer_that_is_lost_is_repeated_without_harm(talk: Talk) -> None:
    talk.files.write(noise(PIECE_BYTES + 10))
    for piece in pieces_after(talk.folder, talk.key, Whereabouts(), most=9):
        talk.pieces.append([piece], host="a")
    talk.files.write(b"more")
    talk.world.pass_time(seconds=1)
    assert talk.there() == talk.here()


@EVERYWHERE
def test_a_process_that_is_killed_in_the_middle_continues_where_it_was(talk: Talk) -> None:
    talk.files.write(noise(PIECE_BYTES + 10))
    talk.world.pass_time(seconds=1)
    talk.files.write(b"written between two processes\n")
    talk.a.boot()
    talk.world.pass_time(seconds=1)
    talk.files.write(b"afterwards\n")
    talk.world.pass_time(seconds=3)
    assert talk.there() == talk.here()


@EVERYWHERE
def test_what_was_not_sent_before_the_report_is_sent_by_the_next_process(talk: Talk) -> None:
    talk.a.network.breaks = {"append"}
    talk.files.write(b"late\n")
    (shelf := artifacts_of(talk.folder)).mkdir()
    kept = a_copy(shelf, 1, b"content")
    talk.finish(kept)
    talk.world.pass_time(seconds=END_SECONDS + 2)
    assert talk.state() == "succeeded"
    talk.a.boot()
    talk.world.pass_time(seconds=2)
    assert talk.there() == b"late\n"
    assert content_of(talk, kept) == b"content"


@EVERYWHERE
def test_a_flood_keeps_its_start_and_its_end_as_its_files_do(talk: Talk) -> None:
    for number in range(HEAD_BYTES // SEGMENT_BYTES + 2 * SEGMENTS_KEPT + 2):
        talk.files.write(noise(4096, seed=number) * (SEGMENT_BYTES // 4096))
        talk.world.pass_time(seconds=6)
    talk.files.write(b"the end\n")
    talk.finish()
    while talk.state() == "running":
        talk.world.pass_time(seconds=0.1)
    assert talk.there() == talk.here()
    stored = HEAD_BYTES + (SEGMENTS_KEPT - 1) * SEGMENT_BYTES + len(b"the end\n")
    assert talk.elsewhere().stored_bytes() == AttemptOutput(talk.folder).stored_bytes() == stored
    assert talk.pieces.total_bytes() < stored
    same_parts(talk, talk.here())


def test_in_a_round_a_flood_sends_a_bounded_part(talk: Talk) -> None:
    talk.files.write(noise(3 * MOST_PIECES * PIECE_BYTES))
    talk.a.sender.send()
    assert len(talk.there()) == MOST_PIECES * PIECE_BYTES


def test_a_reader_that_is_overtaken_by_a_flood_continues_after_a_line_about_it(talk: Talk) -> None:
    tail = talk.elsewhere().tail()
    talk.files.write(b"a" * HEAD_BYTES)
    talk.world.pass_time(seconds=5)
    assert len(tail.read()) == HEAD_BYTES
    talk.files.write(b"b" * (5 * SEGMENT_BYTES))
    talk.world.pass_time(seconds=20)
    new = tail.read()
    assert new.startswith(f"\n[{2 * SEGMENT_BYTES} bytes of output were dropped here]\nbbb".encode())
    assert len(new.splitlines()[-1]) == SEGMENTS_KEPT * SEGMENT_BYTES


@EVERYWHERE
def test_parts_of_a_long_output_are_found_elsewhere(talk: Talk) -> None:
    talk.files.write(b"".join(b"line %d\n" % number for number in range(30_000)))
    talk.world.pass_time(seconds=2)
    here, there = AttemptOutput(talk.folder), talk.elsewhere()
    for first in (None, 1, 29_000):
        assert read_window(there, first=first, most=9) == read_window(here, first=first, most=9)
    assert find_lines(there, "2999", most=5) == find_lines(here, "2999", most=5)


def test_the_files_are_read_where_they_are_also_when_compressed(talk: Talk) -> None:
    talk.files.write(b"of the file\n")
    talk.world.pass_time(seconds=1)
    talk.files.write(b"not sent yet\n")
    own = output_of(talk.a.config, talk.key, talk.pieces)
    assert own.tail().read() == b"of the file\nnot sent yet\n"
    assert compress_attempt(talk.folder)
    assert own.tail().read() == b"of the file\nnot sent yet\n"


def test_a_host_writes_only_about_what_it_has(talk: Talk) -> None:
    talk.files.write(b"mine\n")
    found = pieces_after(talk.folder, talk.key, Whereabouts(), most=9)
    talk.pieces.append(found, host="b")
    assert talk.there() == b""
    unknown = [one._replace(attempt=AttemptKey("f" * 32, 1)) for one in found]
    talk.pieces.append([*unknown, *found], host="a")
    assert talk.there() == b"mine\n"


def a_copy(shelf: Path, copy: int, content: bytes) -> Artifact:
    (shelf / str(copy)).write_bytes(content)
    return Artifact(name=f"file {copy}", size=len(content), sha256=sha256(content).hexdigest(), copy=copy)


def content_of(talk: Talk, artifact: Artifact) -> bytes:
    return b"".join(read_copy(ELSEWHERE, artifact, talk.key, talk.pieces))


def test_small_artifacts_are_read_elsewhere_and_large_ones_say_where_they_are(talk: Talk) -> None:
    (shelf := artifacts_of(talk.folder)).mkdir()
    small = [b"", b"\0", noise(IN_LEDGER.copy_bytes)]
    copies = [a_copy(shelf, copy, content) for copy, content in enumerate(small, start=1)]
    large = a_copy(shelf, 9, noise(IN_LEDGER.copy_bytes + 1))
    changed = a_copy(shelf, 10, b"as recorded")
    (shelf / "10").write_bytes(b"as changed.")
    talk.finish(*copies, large, changed)
    while talk.state() == "running":
        talk.world.pass_time(seconds=0.1)
    assert [content_of(talk, one) for one in copies] == small
    for one in (large, changed):
        with pytest.raises(CopyGoneError, match="on the host that executed the attempt"):
            content_of(talk, one)


@IN_OBJECTS
def test_an_object_store_has_room_for_large_artifacts(talk: Talk) -> None:
    (shelf := artifacts_of(talk.folder)).mkdir()
    content = noise(20 * 2**20)
    large, empty = a_copy(shelf, 1, content), a_copy(shelf, 2, b"")
    talk.finish(large, empty)
    talk.world.pass_time(seconds=5)
    assert talk.state() == "succeeded"
    assert content_of(talk, large) == content
    assert content_of(talk, empty) == b""


def test_output_in_the_table_is_still_read_when_hosts_use_an_object_store(talk: Talk, tmp_path: Path) -> None:
    talk.files.write(b"in the table\n")
    talk.finish()
    talk.world.pass_time(seconds=3)
    with talk.world.store.transaction():
        talk.world.store.past.note(OUTPUTS, (tmp_path / "objects").as_uri())
    assert AttemptOutput(ELSEWHERE, talk.key, talk.world.store.pieces).tail().read() == b"in the table\n"


@pytest.mark.parametrize("talk", ["objects"], indirect=True)
def test_an_object_store_that_is_away_hides_only_the_output(talk: Talk, tmp_path: Path) -> None:
    talk.files.write(b"out of reach\n")
    talk.world.pass_time(seconds=1)
    (tmp_path / "objects").rename(tmp_path / "gone")
    (tmp_path / "objects").write_text("not a folder")
    with pytest.raises(OutputsUnavailableError, match=r"the outputs in file:///.*/objects cannot be reached"):
        talk.elsewhere().tail().read()
    assert tail_of(talk.elsewhere(), count=3) == ()


def kept(talk: Talk) -> tuple[KeptArtifact, ...]:
    return talk.world.store.artifacts.of_run(talk.run.id)


@contextmanager
def housekeeping(talk: Talk, **settings: int) -> Iterator[Housekeeper]:
    world = talk.world
    yield Housekeeper(
        store=world.store,
        clock=world.clock,
        executor=world.executor(),
        journal=KeptJournal(),
        config=replace(world.config, **settings),
    )


def ended_long_ago(talk: Talk, *, days: float) -> None:
    talk.files.write(noise(PIECE_BYTES + 1))
    (shelf := artifacts_of(talk.folder)).mkdir()
    talk.finish(a_copy(shelf, 1, b"content"))
    talk.world.pass_time(seconds=4)
    assert talk.there() == talk.here()
    talk.world.clock.advance(seconds=timedelta(days=days).total_seconds())


@EVERYWHERE
def test_pieces_are_deleted_with_their_run(talk: Talk) -> None:
    prune(talk)
    assert talk.pieces.total_bytes() == 0


def prune(talk: Talk) -> None:
    ended_long_ago(talk, days=100)
    talk.world.run_by_hand("talk")  # the newest success of a job stays
    talk.world.pass_time(seconds=3)
    talk.a.finish()
    talk.world.pass_time(seconds=3)
    with housekeeping(talk, keep_days=90) as housekeeper:
        assert housekeeper.prune(counts=False)


def test_nothing_is_stored_for_a_deleted_run(talk: Talk) -> None:
    prune(talk)
    talk.files.write(b"late")
    talk.pieces.append(pieces_after(talk.folder, talk.key, Whereabouts(), most=9), host="a")
    assert talk.pieces.total_bytes() == 0


@EVERYWHERE
def test_copies_are_deleted_earlier_than_output(talk: Talk) -> None:
    ended_long_ago(talk, days=40)
    [one] = kept(talk)
    assert content_of(talk, one.artifact) == b"content"
    with housekeeping(talk, keep_artifacts_days=30) as housekeeper:
        housekeeper.drop_artifacts()
    assert talk.there() == talk.here()
    with pytest.raises(CopyGoneError):
        content_of(talk, one.artifact)


@EVERYWHERE
def test_above_the_limit_the_output_of_the_oldest_runs_is_deleted(talk: Talk) -> None:
    ended_long_ago(talk, days=1)
    with housekeeping(talk, keep_bytes=10 * PIECE_BYTES) as housekeeper:
        housekeeper.drop_pieces()
        assert talk.there() == talk.here()
    with housekeeping(talk, keep_bytes=PIECE_BYTES // 2) as housekeeper:
        housekeeper.drop_pieces()
    assert talk.pieces.total_bytes() == 0
    assert talk.world.store.run(talk.run.id) is not None


@pytest.fixture
def web(talk: Talk) -> Iterator[Web]:
    made = Web(talk.folder.parents[3], JOBS, world=talk.world)
    yield made
    made.close()


@EVERYWHERE
def test_the_page_and_the_api_of_any_host_have_output_and_files(talk: Talk, web: Web) -> None:
    text = b"".join(b"line %d\n" % number for number in range(20_000))
    talk.files.write(text)
    (shelf := artifacts_of(talk.folder)).mkdir()
    talk.finish(a_copy(shelf, 1, content := b"kept " * PIECE_BYTES))
    while talk.state() == "running":
        talk.world.pass_time(seconds=0.1)
    of_run = f"/api/v1/runs/{talk.run.id}"
    assert web.owner(f"{of_run}/output").text == text.decode()
    part = web.owner(f"{of_run}/output", range="bytes=70000-70009")
    assert (part.status, part.text) == (206, text[70_000:70_010].decode())
    assert web.owner(f"{of_run}/artifacts/1").text == content.decode()
    assert "line 19999" in web.owner(f"{of_run}/logs?tail=2", accept="text/plain").text
    assert "line 19999" in web.owner(f"/runs/{talk.run.id}", accept="text/html").text


@pytest.mark.parametrize("talk", ["objects"], indirect=True)
def test_the_page_of_a_run_says_that_the_object_store_is_away(talk: Talk, web: Web, tmp_path: Path) -> None:
    talk.files.write(b"out of reach\n")
    talk.world.pass_time(seconds=1)
    (tmp_path / "objects").rename(tmp_path / "gone")
    (tmp_path / "objects").write_text("not a folder")
    got = web.owner(f"/runs/{talk.run.id}", accept="text/html")
    assert got.status == 200
    assert "cannot be reached" in got.text
    assert web.owner(f"/api/v1/runs/{talk.run.id}/logs").status == 503


@pytest.mark.parametrize("talk", ["objects"], indirect=True)
def test_an_object_store_that_is_away_stops_no_deletion(talk: Talk, tmp_path: Path) -> None:
    ended_long_ago(talk, days=40)
    (tmp_path / "objects").rename(tmp_path / "gone")
    (tmp_path / "objects").write_text("not a folder")
    with housekeeping(talk, keep_artifacts_days=30) as housekeeper:
        housekeeper.drop_artifacts()
    assert not any(one.has_copy for one in kept(talk))
