"""What a job of the same user can do to evidence, locks and wishes: it changes no answer and stops nobody."""

import fcntl
import json
import os
import signal
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import AttemptKey, Ended, Lost, StartError
from engine.execution.evidence_reader import marker_in, result_in
from engine.host.holders import current_boot_id
from engine.host.keys import key_of
from engine.ports import Alive, LaunchOrder, NotStarted, Stop
from engine.supervisor.evidence import _HEAD as HEAD
from engine.supervisor.evidence import _MAGIC as MAGIC
from engine.supervisor.evidence import CONTROL, NAME, NEW, RESULT_AT, beside, pack, wish_line
from engine.supervisor.evidence import _seal as seal
from tests.acceptance.engines import is_gone, number_in, supervisor_of, until
from tests.engine.real import KEY, PATH, WAYS, Holder, Real, real_world
from tests.together import together

GOOD = {
    "started_at": 1,
    "ended_at": 2,
    "exit_code": 0,
    "signal": None,
    "output_bytes": 0,
    "output_dropped": 0,
    "leftover_processes": 0,
}
FOREIGN = b"a key that is not the engine's, 32"[:32]


@pytest.fixture(params=WAYS)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def evidence_of(order: LaunchOrder) -> Path:
    return Path(beside(str(order.run_dir), NAME))


def waits(world: Real, name: str, *, exit_code: int, **fields: object) -> LaunchOrder:
    """An attempt that goes on until its gate is there."""
    order = world.launch(name, f"until [ -e {name}.gate ]; do sleep 0.02; done; exit {exit_code}", **fields)
    world.started(order)
    until(lambda: isinstance(found := world.evidence(order), Alive) and found.started_at)
    return order


def end(world: Real, order: LaunchOrder) -> object:
    (world.folder / f"{order.attempt_id.removesuffix('-1')}.gate").touch()
    return world.end_of(order)


def without_a_seal() -> bytes:
    """As an earlier version wrote it: a length, a checksum, a body."""
    body = json.dumps(GOOD).encode()
    return struct.pack("!4sII", b"JFR1", zlib.crc32(body), len(body)) + body


def write(path: Path, content: bytes, at: int) -> None:
    """As a job does it, that opens the file and writes into it."""
    file = os.open(path, os.O_WRONLY)
    os.pwrite(file, content, at)
    os.close(file)


def forged(order: LaunchOrder) -> list[bytes]:
    """Ends that somebody may write who has not read the engine's files."""
    own = key_of(str(order.run_dir), FOREIGN)
    return [
        without_a_seal(),
        *(pack(GOOD, key, RESULT_AT) for key in (own, FOREIGN, b"", b"\0" * 32)),
        evidence_of(order).read_bytes()[:600],  # a part with a good seal, in another place
    ]


def test_an_end_that_a_job_writes_changes_nothing_while_it_runs_nor_when_it_ends(world: Real) -> None:
    liar = waits(world, "liar", exit_code=9)
    for lie in forged(liar):
        write(evidence_of(liar), lie, RESULT_AT)
        assert isinstance(world.evidence(liar), Alive)
    ended = end(world, liar)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 9


def test_an_end_that_is_written_for_another_job_changes_nothing(world: Real) -> None:
    """Also not the true end of an attempt that succeeded, nor all of its evidence."""
    good = world.launch("good", "exit 0")
    assert isinstance(world.end_of(good), Ended)
    whole = evidence_of(good).read_bytes()
    victim = waits(world, "victim", exit_code=7)
    write(evidence_of(victim), whole[RESULT_AT:], RESULT_AT)
    assert isinstance(world.evidence(victim), Alive)
    write(evidence_of(victim), whole, 0)
    assert not isinstance(world.evidence(victim), Ended)
    ended = end(world, victim)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 7


def test_an_end_that_is_forged_when_the_supervisor_is_dead_is_no_end_and_that_is_reported(
    world: Real,
) -> None:
    order = waits(world, "orphan", exit_code=0)
    lies = forged(order)
    os.kill(supervisor_of(order.run_dir), signal.SIGKILL)
    assert isinstance(world.end_of(order), Lost)
    for lie in lies:
        write(evidence_of(order), lie, RESULT_AT)
        lost = world.evidence(order)
        assert isinstance(lost, Lost)
        assert (lost.reason, lost.detail) == (
            "evidence_forged",
            "its end record is not from its supervisor",
        )


def test_even_a_sealed_end_does_not_count_while_the_supervisor_lives(world: Real) -> None:
    """Somebody has read the engine's key."""
    order = waits(world, "insider", exit_code=5)
    write(evidence_of(order), pack(GOOD, key_of(str(order.run_dir), KEY), RESULT_AT), RESULT_AT)
    assert isinstance(world.evidence(order), Alive)
    ended = end(world, order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 5


@pytest.mark.parametrize("how", ["LOCK_EX", "LOCK_SH"])
def test_what_is_locked_by_another_process_is_not_alive(world: Real, how: str) -> None:
    over = world.launch("over", "exit 3")
    ended = world.end_of(over)
    with Holder(evidence_of(over), how):
        until(lambda: world.evidence(over) == ended)  # its supervisor lives, and holds it no more
    killed = waits(world, "killed", exit_code=0)
    os.kill(supervisor_of(killed.run_dir), signal.SIGKILL)
    assert isinstance(world.end_of(killed), Lost)
    with Holder(evidence_of(killed), how):
        found = world.evidence(killed)
        assert isinstance(found, Lost)
        assert found.reason == "supervisor_killed"
        assert not world.launcher.stop(killed.run_dir, Stop.KILL)
        evidence_of(killed).write_bytes(b"x" * 4096)
        assert isinstance(world.evidence(killed), Lost)


def test_what_another_process_locks_before_it_is_begun_was_not_begun(world: Real) -> None:
    order = world.order("next", "exit 0")
    order.run_dir.parent.mkdir(parents=True)
    new = Path(beside(str(order.run_dir), NEW))
    new.touch()
    with Holder(new):
        assert world.evidence(order) == NotStarted()
    world.launcher.launch(order)
    assert isinstance(world.end_of(order), Ended)


def put_copy(path: Path) -> None:
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)


def put_link(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/zero")


def put_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    (path / "in" / "it").mkdir(parents=True)


def put_pipe(path: Path) -> None:
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def put_link_to_itself(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def put_sparse(path: Path) -> None:
    path.unlink(missing_ok=True)
    with path.open("wb") as file:
        file.truncate(1 << 40)


def put_junk(path: Path) -> None:
    path.write_bytes(b"kill\ncancel\n" + b"x" * 100_000)


@pytest.mark.parametrize(
    "put", [put_copy, put_link, put_folder, put_pipe, put_link_to_itself, put_sparse, put_junk]
)
def test_evidence_that_is_replaced_while_it_runs_is_fixed(world: Real, put: object) -> None:
    order = waits(world, "replaced", exit_code=6)
    put(evidence_of(order))  # type: ignore[operator]
    found = world.evidence(order)
    assert isinstance(found, Alive) or getattr(found, "reason", "") in ("evidence_gone", "evidence_forged")
    until(lambda: isinstance(world.evidence(order), Alive))
    ended = end(world, order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 6


@pytest.mark.parametrize("put", [put_link, put_folder, put_pipe, put_sparse, put_junk])
def test_a_request_is_read_whatever_was_put_in_its_place(world: Real, put: object) -> None:
    order = waits(world, "deaf", exit_code=0)
    control = Path(beside(str(order.run_dir), CONTROL))
    put(control)  # type: ignore[operator]
    assert world.launcher.stop(order.run_dir, Stop.KILL)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.stopped, ended.signal) == (True, signal.SIGKILL)


def test_only_the_engine_can_request_the_end_of_an_attempt(world: Real) -> None:
    order = waits(world, "wanted", exit_code=8)
    other = key_of(str(world.folder / "other.1"), KEY)
    lines = [b"kill", b"cancel", *(wish_line("kill", key) for key in (other, FOREIGN, KEY))]
    Path(beside(str(order.run_dir), CONTROL)).write_bytes(b"\n".join([*lines, b""]))
    os.kill(supervisor_of(order.run_dir), signal.SIGCONT)
    ended = end(world, order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, ended.stopped) == (8, False)


def sealed(body: bytes, at: int) -> bytes:
    return HEAD.pack(MAGIC, len(body), seal(body, KEY, at)) + body


texts = st.one_of(st.just("["), st.just('{"a":')).flatmap(lambda one: st.just(one * 2900))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(2**70) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
fields = st.sampled_from(
    [
        *GOOD,
        *("start_error", "supervisor_error", "timed_out", "out_of_memory", "cpu_seconds", "max_rss_kb"),
        *("pid", "began", "boot_id", "at", "was_killed", "stopped", "cut_off"),
    ]
)
records = st.dictionaries(fields, values, max_size=12).map(lambda odd: json.dumps({**GOOD, **odd}).encode())
bodies = st.binary(max_size=300) | texts.map(str.encode) | records | values.map(json.dumps).map(str.encode)


@given(body=bodies, cut=st.integers(0, 40), noise=st.binary(max_size=60))
def test_whatever_is_there_is_a_record_or_none_and_never_an_error(
    body: bytes, cut: int, noise: bytes
) -> None:
    whole = sealed(body, 0).ljust(RESULT_AT, b"\0")[:RESULT_AT] + sealed(body, RESULT_AT)
    for content in (whole, whole[: len(whole) - cut], noise + whole[len(noise) :], noise):
        marker_in(content, KEY)
        found = result_in(content, KEY)
        if isinstance(found, Ended):
            assert (found.exit_code is None) != (found.signal is None)
            assert 0 <= found.output_bytes < 2**63
            assert found.started_at.year <= 9999
        elif isinstance(found, (StartError, Lost)):
            found.detail.encode()


@together(
    ("name", "value"),
    [("exit_code", value) for value in ("x", -1, 256, True, 2**70, [0], 0.0)]
    + [(name, value) for name in ("ended_at", "started_at") for value in ("now", -1, 10**30, None, 1.5)]
    + [("signal", 9), ("exit_code", None), ("output_bytes", -1), ("timed_out", 1), ("cut_off", 1)]
    + [("cpu_seconds", "1")]
    + [("cpu_seconds", float("nan")), ("max_rss_kb", 2**63), ("leftover_processes", {})],
)
def test_a_field_of_another_type_or_range_makes_a_record_none(name: str, value: object) -> None:
    assert result_in(b"\0" * RESULT_AT + pack(GOOD, KEY, RESULT_AT), KEY) is not None
    assert result_in(b"\0" * RESULT_AT + pack({**GOOD, name: value}, KEY, RESULT_AT), KEY) is None


@pytest.mark.parametrize(
    "end", [{"exit_code": 0}, {"exit_code": None, "signal": 9}, {"timed_out": True}, {"stopped": True}]
)
def test_what_its_lease_ended_is_lost_whatever_else_is_recorded(end: dict[str, object]) -> None:
    about = {**GOOD, **end, "cut_off": True, "leftover_processes": 2}
    lost = result_in(b"\0" * RESULT_AT + pack(about, KEY, RESULT_AT), KEY)
    assert isinstance(lost, Lost)
    assert (lost.reason, lost.leftover_processes) == ("host_cut_off", 2)
    assert isinstance(
        result_in(b"\0" * RESULT_AT + pack(about | {"cut_off": False}, KEY, RESULT_AT), KEY), Ended
    )


def test_a_start_error_that_quotes_bytes_which_are_no_text_is_one_that_the_ledger_takes() -> None:
    about = {"ended_at": 2, "start_error": "no such file: a\udcffb"}
    found = result_in(b"\0" * RESULT_AT + pack(about, KEY, RESULT_AT), KEY)
    assert isinstance(found, StartError)
    assert found.detail == "no such file: a\\udcffb"


# The attempt's folder


@pytest.mark.parametrize("what", ["link", "file", "pipe"])
def test_a_link_in_place_of_the_attempts_folder_is_not_followed(world: Real, what: str) -> None:
    target = world.folder / "target"
    target.mkdir(mode=0o755)
    target.chmod(0o755)
    (target / "output").write_text("not ours")
    (target / "script").write_text("not ours")
    order = world.order("astray", "echo hello; until [ -e go ]; do sleep 0.02; done; echo bye; exit 4")
    order.run_dir.parent.mkdir(parents=True)
    match what:
        case "link":
            order.run_dir.symlink_to(target)
        case "file":
            order.run_dir.touch()
        case "pipe":
            os.mkfifo(order.run_dir)
    world.launcher.launch(order)
    until(lambda: world.output(order) == b"hello\n")
    order.run_dir.rename(order.run_dir.with_name("aside"))
    order.run_dir.symlink_to(target)
    until(lambda: not order.run_dir.is_symlink())
    (world.folder / "go").touch()
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 4
    assert target.stat().st_mode & 0o777 == 0o755
    assert {path.name: path.read_text() for path in target.iterdir()} == dict.fromkeys(
        ("output", "script"), "not ours"
    )


@pytest.mark.parametrize("what", ["link", "hard", "pipe"])
def test_output_goes_into_no_file_that_a_job_put_there(world: Real, what: str) -> None:
    target = world.folder / "target"
    target.write_text("not ours")
    order = world.order("astray", "", argv=("sh",), script="echo hello; exit 4")
    order.run_dir.mkdir(parents=True)
    for name in ("output", "script"):
        match what:
            case "link":
                (order.run_dir / name).symlink_to(target)
            case "hard":
                (order.run_dir / name).hardlink_to(target)
            case "pipe":
                os.mkfifo(order.run_dir / name)
    world.launcher.launch(order)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert (ended.exit_code, world.output(order), target.read_text()) == (4, b"hello\n", "not ours")


# What a killed supervisor leaves


def test_a_process_without_its_variables_is_ended_with_its_supervisor_and_counted(world: Real) -> None:
    body = f"env -i /usr/bin/setsid /bin/sh -c 'echo $$ > {world.folder}/hidden; exec sleep 60' & wait"
    order = world.order("hider", body, run_dir=world.folder / "runs" / "hider" / "cd.1", env={"PATH": PATH})
    world.launcher.launch(order)
    hidden = number_in(world.folder / "hidden")
    os.kill(supervisor_of(order.run_dir), signal.SIGKILL)
    assert isinstance(world.end_of(order), Lost)
    until(lambda: is_gone(hidden))
    assert until(lambda: world.launcher.end_leftovers(AttemptKey("cd", 1))) >= 1
    after = world.launch("after", "exit 2")
    ended = world.end_of(after)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 2


def test_the_lock_of_another_container_is_believed(world: Real) -> None:
    """Nobody here can see its processes."""
    order = world.order("elsewhere", "exit 0")
    order.run_dir.parent.mkdir(parents=True)
    boot, _, began = current_boot_id().split("/")
    about = {"at": 1, "pid": 2**22, "began": "1", "boot_id": f"{boot}/pid:[1]/{began}"}
    evidence_of(order).write_bytes(pack(about, key_of(str(order.run_dir), KEY)))
    with evidence_of(order).open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert isinstance(world.evidence(order), Alive)
