"""The streams of a job apart: each as it was written, both in the log, nothing lost, no secret in either."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.core.lifecycle import Ended
from engine.ports import LaunchOrder, Stop
from engine.supervisor.masking import Masker
from engine.supervisor.output import STREAMS, OutputTail
from engine.supervisor.streams import Streams
from tests.engine.real import WAYS, Real, real_world
from tests.soak import examples

SECRET = "s3cret-token"
MEGABYTES = 8


@pytest.fixture(params=WAYS)
def real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def streams(order: LaunchOrder) -> tuple[bytes, bytes]:
    first, second = (OutputTail(order.run_dir, name).read() for name in STREAMS)
    return first, second


def ended(real: Real, order: LaunchOrder) -> Ended:
    found = real.end_of(order)
    assert isinstance(found, Ended)
    return found


def end(store: Streams, handle: int, sink: int) -> None:
    """Let the process end: store what is left, and close all."""
    os.close(sink)
    store.hang_up()
    while store.take(handle):
        pass
    store.close()
    os.close(handle)


def test_each_stream_is_stored_by_itself_and_both_in_the_log(real: Real) -> None:
    order = real.launch("a", "echo one; echo two >&2; echo three", apart=True)
    end = ended(real, order)
    assert streams(order) == (b"one\nthree\n", b"two\n")
    assert sorted(real.output(order).split()) == [b"one", b"three", b"two"]
    assert (end.exit_code, end.output_bytes, end.stdout_bytes, end.stderr_bytes) == (0, 14, 10, 4)
    assert end.output_dropped == 0


def test_a_job_whose_streams_are_one_has_no_copies(real: Real) -> None:
    order = real.launch("a", "echo one; echo two >&2")
    end = ended(real, order)
    assert (end.stdout_bytes, end.stderr_bytes) == (None, None)
    assert real.output(order) == b"one\ntwo\n"
    assert [one.name for one in order.run_dir.iterdir()] == ["output"]


def test_a_stream_may_be_closed_or_opened_again_and_the_job_still_ends(real: Real) -> None:
    order = real.launch("a", "exec 2>&-; echo one; sleep 0.1; echo two > /dev/stdout", apart=True)
    assert ended(real, order).exit_code == 0
    assert streams(order) == (b"one\ntwo\n", b"")


def test_what_is_written_after_the_end_and_when_it_is_stopped_is_stored_too(real: Real) -> None:
    order = real.launch("a", "trap '' TERM; (sleep 0.3; echo late >&2) & echo early", apart=True)
    assert ended(real, order).stderr_bytes == 5
    assert streams(order) == (b"early\n", b"late\n")
    order = real.launch("b", "trap 'echo ending >&2; exit 4' TERM; echo here; sleep 60 & wait", apart=True)
    real.started(order)
    while not streams(order)[0]:
        pass
    real.launcher.stop(order.run_dir, Stop.CANCEL)
    assert ended(real, order).exit_code == 4
    assert streams(order) == (b"here\n", b"ending\n")


def test_a_flood_of_both_blocks_nothing_and_keeps_each_ones_beginning(real: Real) -> None:
    flood = f"head -c {MEGABYTES}M /dev/zero | tr '\\0' %s"
    body = f"{flood % 'o'} & {flood % 'e'} >&2; wait"
    end = ended(real, real.launch("a", body, apart=True))
    assert (end.stdout_bytes, end.stderr_bytes) == (MEGABYTES * 2**20, MEGABYTES * 2**20)
    assert end.output_bytes == 2 * MEGABYTES * 2**20


def test_a_start_that_fails_leaves_no_descriptor_open(tmp_path: Path) -> None:
    """Its supervisor takes other attempts, and must not keep the pipes of this one."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        store = Streams(str(tmp_path), (Masker([]), Masker([])))
        store.close()
        Streams(str(tmp_path), (Masker([]), Masker([])))  # nothing closes it
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_secret_is_in_neither_though_the_streams_take_turns(tmp_path: Path) -> None:
    with_secret = f"x{SECRET}y".encode()
    store = Streams(str(tmp_path), (Masker([SECRET]), Masker([SECRET])))
    source, sink = os.pipe()
    handle = store.joined(source)
    for number in range(len(with_secret)):
        os.write(sink, with_secret[number : number + 1])
        os.write(store.errors, with_secret[number : number + 1])
        assert store.take(handle)
    end(store, handle, sink)
    assert [OutputTail(tmp_path, name).read() for name in STREAMS] == [b"x***y"] * 2
    log = OutputTail(tmp_path).read()
    assert SECRET.encode() not in log
    assert Counter(log) == Counter(b"x***yx***y")


@settings(max_examples=examples(30), deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.binary(min_size=1, max_size=2_000)), max_size=20))
def test_whatever_is_written_to_each_is_read_from_each(
    tmp_path_factory: pytest.TempPathFactory, writes: list[tuple[bool, bytes]]
) -> None:
    folder = tmp_path_factory.mktemp("streams")
    store = Streams(str(folder), (Masker([]), Masker([])))
    source, sink = os.pipe()
    handle = store.joined(source)
    wanted = [b"", b""]
    for is_error, part in writes:
        os.write(store.errors if is_error else sink, part)
        wanted[is_error] += part
        if len(part) % 2:
            assert store.take(handle)
    end(store, handle, sink)
    assert [OutputTail(folder, name).read() for name in STREAMS] == wanted
    assert Counter(OutputTail(folder).read()) == Counter(b"".join(wanted))
    counts = store.counts()
    assert (counts["stdout_bytes"], counts["stderr_bytes"]) == (len(wanted[0]), len(wanted[1]))
    assert counts["output_dropped"] == 0


def test_deleted_copies_are_begun_again(tmp_path: Path) -> None:
    store = Streams(str(tmp_path), (Masker([]), Masker([])))
    source, sink = os.pipe()
    handle = store.joined(source)
    os.write(store.errors, b"first ")
    store.take(handle)
    for one in tmp_path.iterdir():
        one.unlink()
    store.renew()
    os.write(store.errors, b"second")
    store.take(handle)
    store.close()
    os.close(sink)
    os.close(handle)
    assert OutputTail(tmp_path, "stderr").read() == b"second"
    assert OutputTail(tmp_path).read() == b"second"
    assert store.counts()["output_dropped"] == len(b"first ")
