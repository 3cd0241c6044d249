"""The modules of a supervisor, which find each other as siblings, as they do where the launcher runs."""

import shutil
import sys
from pathlib import Path

import pytest

import engine.adapters
from engine.adapters import process

ADAPTERS = Path(engine.adapters.__file__).parent
sys.path.insert(0, str(ADAPTERS))

import emptying  # noqa: E402  after the path
import holding  # noqa: E402  after the path
import plain  # noqa: E402  after the path
import spawning  # noqa: E402
import storing  # noqa: E402

__all__ = ["ADAPTERS", "emptying", "holding", "leave_out_compiled_part", "plain", "spawning", "storing"]


def leave_out_compiled_part(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launchers that are started from now on are as they are where that could not be built."""
    parts = folder / "parts"
    shutil.copytree(ADAPTERS, parts, ignore=shutil.ignore_patterns("*.so"))
    monkeypatch.setattr(process, "LAUNCHER", parts / process.LAUNCHER.name)
