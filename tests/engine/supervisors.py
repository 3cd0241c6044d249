"""The modules of a supervisor, which find each other as siblings, as they do where the launcher runs."""

import shutil
import sys
from pathlib import Path

import pytest

import engine.supervisor
from engine.execution import launcher_client

SUPERVISOR = Path(engine.supervisor.__file__).parent
sys.path.insert(0, str(SUPERVISOR))

import emptying  # noqa: E402  after the path
import evidence_guard  # noqa: E402  after the path
import plain  # noqa: E402  after the path
import spawn  # noqa: E402
import storing  # noqa: E402

__all__ = ["SUPERVISOR", "emptying", "evidence_guard", "leave_out_compiled_part", "plain", "spawn", "storing"]


def leave_out_compiled_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers that are started from now on are as they are where that could not be built."""
    parts = folder / "parts"
    shutil.copytree(SUPERVISOR, parts, ignore=shutil.ignore_patterns("*.so"))
    monkeypatch.setattr(launcher_client, "LAUNCHER", parts / launcher_client.LAUNCHER.name)
