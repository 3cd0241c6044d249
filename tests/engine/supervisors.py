"""Supervisors as they are where a part of them is another one, or was not built."""

import shutil
from pathlib import Path

import pytest

import engine.supervisor
from engine.execution import launcher_client

SUPERVISOR = Path(engine.supervisor.__file__).parent
ROOT = SUPERVISOR.parents[1]
"""What is put on the path to find a supervisor's modules."""


def copy_of_supervisor(folder: Path, *, is_compiled: bool = True) -> Path:
    """The package alone, in a folder of its own; returns what is put on the path to find it."""
    root = folder / "parts"
    (root / "engine").mkdir(parents=True)
    shutil.copy2(SUPERVISOR.parent / "__init__.py", root / "engine")
    left_out = shutil.ignore_patterns(*([] if is_compiled else ["*.so"]))
    shutil.copytree(SUPERVISOR, root / "engine" / "supervisor", ignore=left_out)
    return root


def use_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers that are started from now on are of a copy."""
    program = launcher_client.LAUNCHER.relative_to(ROOT)
    monkeypatch.setattr(launcher_client, "LAUNCHER", root / program)


def leave_out_compiled_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers that are started from now on are as they are where that could not be built."""
    use_copy(copy_of_supervisor(folder, is_compiled=False), monkeypatch)
