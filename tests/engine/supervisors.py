"""Supervisors with a replaced part, or without the compiled part."""

import shutil
from pathlib import Path

import pytest

import engine.supervisor
from engine.execution import launcher_client

SUPERVISOR = Path(engine.supervisor.__file__).parent
ROOT = SUPERVISOR.parents[1]
"""The folder on the path in which a supervisor's modules are found."""


def copy_of_supervisor(folder: Path, *, is_compiled: bool = True) -> Path:
    """Copy the package alone into a folder; returns the folder to put on the path."""
    root = folder / "parts"
    (root / "engine").mkdir(parents=True)
    shutil.copy2(SUPERVISOR.parent / "__init__.py", root / "engine")
    left_out = shutil.ignore_patterns(*([] if is_compiled else ["*.so"]))
    shutil.copytree(SUPERVISOR, root / "engine" / "supervisor", ignore=left_out)
    return root


def use_copy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make launchers that start from now on use a copy."""
    program = launcher_client.LAUNCHER.relative_to(ROOT)
    monkeypatch.setattr(launcher_client, "LAUNCHER", root / program)


def leave_out_compiled_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make launchers that start from now on work without the compiled part."""
    use_copy(copy_of_supervisor(folder, is_compiled=False), monkeypatch)
