"""The compiled part is built in a working copy that may be in use: tests, an engine, `jobfile doctor`."""

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.known import ROOT

LIBRARY = "engine/supervisor/libplain.so"
INTERFACE = "class BuildHookInterface:\n    pass\n"
DRIVER = """\
import hatch_build

class App:
    def display_warning(self, said):
        print(said)

hook = hatch_build.SpawnHook()
hook.root, hook.app = {root!r}, App()
hook.initialize("standard", {{"artifacts": []}})
"""


def build(folder: Path, compiler: str) -> str:
    """What the hook says, with this program for a compiler."""
    cc = folder / "tools" / "cc"
    cc.write_text(f"#!/bin/sh\n{compiler}\n")
    cc.chmod(0o755)
    env = {"PATH": f"{cc.parent}:{os.environ['PATH']}", "PYTHONPATH": f"{ROOT}:{folder / 'stubs'}"}
    command = [sys.executable, "-c", DRIVER.format(root=str(folder))]
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A working copy with a library that was built before."""
    package = tmp_path / "stubs" / "hatchling" / "builders" / "hooks" / "plugin"
    package.mkdir(parents=True)
    for folder in (package, *list(package.parents)[:3]):
        (folder / "__init__.py").touch()  # so it comes before the real one
    (package / "interface.py").write_text(INTERFACE)
    (tmp_path / "tools").mkdir()
    source = tmp_path / "engine" / "supervisor" / "plain.c"
    source.parent.mkdir(parents=True)
    shutil.copy(ROOT / "engine" / "supervisor" / "plain.c", source)
    (tmp_path / LIBRARY).write_text("the one before")
    return tmp_path


def test_the_library_is_whole_at_every_moment_of_a_build(copy: Path) -> None:
    """Looked at before and after the compiler has written: doctor has called a missing one unsound."""
    look = f"cat {copy / LIBRARY} >> {copy}/seen"
    assert build(copy, f'{look}\ngcc "$@"\nstatus=$?\n{look}\nexit $status') == ""
    assert (copy / "seen").read_text() == "the one before" * 2
    assert ctypes.CDLL(str(copy / LIBRARY)).take
    assert sorted(path.name for path in (copy / LIBRARY).parent.iterdir()) == ["libplain.so", "plain.c"]


@pytest.mark.parametrize("compiler", ["exit 1", "for last; do :; done; echo half > libplain; exit 1"])
def test_what_cannot_be_built_leaves_no_library_of_another_source(copy: Path, compiler: str) -> None:
    assert "cannot be built here" in build(copy, compiler)
    assert sorted(path.name for path in (copy / LIBRARY).parent.iterdir()) == ["plain.c"]
