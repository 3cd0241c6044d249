"""A run's temporary folder is empty when an attempt is over; nothing else goes with what was in it."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.core.lifecycle import Ended
from engine.execution.run_folders import empty_scratch
from engine.ports import LaunchOrder
from engine.supervisor import emptying
from tests.acceptance.engines import until
from tests.engine.real import WAYS, Real, real_world
from tests.engine.supervisors import ROOT

LEVELS = 1500
"""Deeper than a path may be long, and than handles may be open."""


def deep(folder: Path) -> None:
    before = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)
        for _ in range(LEVELS):
            os.mkdir("deeper")
            os.chdir("deeper")
        Path("file").touch()
    finally:
        os.fchdir(before)
        os.close(before)


def wide(folder: Path) -> None:
    for number in range(2_000):
        (folder / f"file{number}").touch()
        (folder / f"folder{number}" / "in" / "it").mkdir(parents=True)


def odd(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "socket", 0o140600)
    (folder / "\udcff\n name").touch()
    (folder / "-rf").mkdir()
    (folder / "1.1.0.litter" / "x").mkdir(parents=True)


def links(folder: Path) -> None:
    outside = folder.parents[2] / "outside"
    (folder / "file").symlink_to(outside / "kept")
    (folder / "folder").symlink_to(outside)
    (folder / "in").mkdir()
    (folder / "in" / "folder").symlink_to("../../../../outside")
    (folder / "circle").symlink_to(".")
    os.link(outside / "kept", folder / "hard")


MAKERS: list[Callable[[Path], None]] = [deep, wide, odd, links]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's folder, and beside it something that is not part of it."""
    (tmp_path / "outside" / "folder").mkdir(parents=True)
    (tmp_path / "outside" / "kept").write_text("kept")
    (tmp_path / "shelf" / "run" / "tmp").mkdir(parents=True)
    return tmp_path / "shelf" / "run"


def check_outside(run: Path) -> None:
    outside = run.parents[1] / "outside"
    assert (outside / "kept").read_text() == "kept"
    assert (outside / "folder").is_dir()
    assert outside.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_whatever_is_there_goes_and_nothing_else(run: Path, make: Callable[[Path], None]) -> None:
    (run / "results").write_text("a job's own file")
    make(run / "tmp")
    litter = emptying.Litter(f"{run}/tmp", ".tmp.1")
    assert list((run / "tmp").iterdir()) == [], "the next attempt can begin"
    (run / "tmp" / "next").touch()
    litter.take_away()
    assert sorted(os.listdir(run)) == ["results", "tmp"]
    assert os.listdir(run / "tmp") == ["next"]
    check_outside(run)


def test_a_link_in_the_place_of_the_folder_is_removed_and_not_followed(run: Path) -> None:
    (run / "tmp").rmdir()
    (run / "tmp").symlink_to(run.parents[1] / "outside")
    emptying.Litter(f"{run}/tmp", ".tmp.1").take_away()
    assert os.listdir(run) == ["tmp"]
    assert not (run / "tmp").is_symlink()
    check_outside(run)


@pytest.mark.parametrize("what", ["run", "shelf"])
def test_a_link_above_the_folder_is_not_followed(run: Path, what: str) -> None:
    (run / "tmp" / "file").touch()
    place = run if what == "run" else run.parent
    place.rename(place.with_name("elsewhere"))
    place.symlink_to("elsewhere")
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        emptying.Litter(f"{run}/tmp", ".tmp.1")
    assert (run / "tmp" / "file").exists()


def test_it_takes_no_longer_than_it_may_and_the_rest_goes_later(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide(run / "tmp")
    with monkeypatch.context() as hurried:
        hurried.setattr(emptying, "EMPTY_SECONDS", 0.02)
        before = time.monotonic()
        emptying.Litter(f"{run}/tmp", ".tmp.1").take_away()
    assert time.monotonic() - before < 2
    assert os.listdir(run / ".tmp.1")
    empty_scratch(run)
    assert os.listdir(run) == []


TAKE = """\
import os, sys; sys.path.insert(0, sys.argv[1])
from engine.supervisor import emptying
os.setuid(int(sys.argv[3]))
emptying.Litter(f"{sys.argv[2]}/tmp", ".tmp.1").take_away()
"""


def test_rights_that_a_job_took_from_itself_delay_nothing() -> None:
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        run = Path(name) / "shelf" / "run"
        for path in ("a/b/c", "d", "e/f"):
            (run / "tmp" / path).mkdir(parents=True)
            (run / "tmp" / path / "file").touch()
        (run / "tmp" / "a" / "file").touch()
        subprocess.run(["chown", "-R", "64123", run.parent], check=True)
        for path, mode in (("a/b", 0), ("a", 0o500), ("d", 0o100), ("e/f", 0o300), ("e", 0), (".", 0o500)):
            (run / "tmp" / path).chmod(mode)
        done = subprocess.run([sys.executable, "-c", TAKE, ROOT, run, "64123"], capture_output=True)
        assert (done.returncode, done.stderr) == (0, b"")
        assert os.listdir(run) == ["tmp"]


@pytest.mark.parametrize("place", [".", "mounted", "in/mounted"])
@pytest.mark.parametrize("how", ["-t tmpfs none", "--bind {outside}"])
def test_mounted_file_systems_are_left_alone(run: Path, place: str, how: str) -> None:
    outside = run.parents[1] / "outside"
    point = run / "tmp" / place
    point.mkdir(parents=True, exist_ok=True)
    mount = f"mount {how.format(outside=outside)} {point}; touch {point}/inside; mkdir {point}/more"
    code = f'{mount}; "$@" || :; ls {point}'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-ec", code, "sh", sys.executable, "-c", TAKE, ROOT, run, "0"],
        capture_output=True,
        text=True,
    )
    if place == ".":
        assert {"inside", "more"} <= set(done.stdout.split()), done
    else:
        aside = next((run / ".tmp.1").rglob("mounted"), None)
        assert aside is not None or (run / ".tmp.1").exists()
    check_outside(run)
    if "bind" in how:
        assert (outside / "inside").exists()
        assert (outside / "more").exists()


@pytest.fixture(params=WAYS)
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Real]:
    yield from real_world(tmp_path, monkeypatch, way=request.param)


def scratch_of(order: LaunchOrder) -> Path:
    return Path(order.scratch_dir)


def test_the_temporary_folder_of_an_attempt_is_empty_soon_after_its_end(world: Real) -> None:
    order = world.order("litters", "")
    body = f"cd {order.scratch_dir}; mkdir -p a/b/c; touch a/b/c/file b; ln -s / root; exit 3"
    order = world.launch("litters", body)
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 3
    until(lambda: sorted(os.listdir(scratch_of(order).parent)) == ["tmp"])
    assert os.listdir(scratch_of(order)) == []


def test_the_next_attempt_finds_it_empty_at_once_however_much_there_was(world: Real) -> None:
    first = world.order("first", "")
    body = f"cd {first.scratch_dir}; for i in $(seq 3000); do : > $i; done"
    first = world.launch("first", body)
    world.end_of(first)
    count = f"cd {first.scratch_dir}; ls -A | wc -l; touch mine; sleep 0.3; ls"
    second = world.launch(
        "second", count, scratch_dir=first.scratch_dir, run_dir=first.run_dir.with_name("2")
    )
    world.end_of(second)
    assert world.output(second) == b"0\nmine\n"


@pytest.mark.parametrize("harm", ["rm -rf .", "cd ..; rmdir tmp; touch tmp", "cd ..; rmdir tmp; ln -s / tmp"])
def test_a_job_that_replaces_it_has_its_end_recorded_all_the_same(world: Real, harm: str) -> None:
    order = world.order("harms", "")
    order = world.launch("harms", f"cd {order.scratch_dir}; {harm}; exit 5")
    ended = world.end_of(order)
    assert isinstance(ended, Ended)
    assert ended.exit_code == 5
