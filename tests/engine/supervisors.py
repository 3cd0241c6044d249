"""The modules of a supervisor, which find each other as siblings, as they do where the launcher runs."""

import sys
from pathlib import Path

import engine.adapters

ADAPTERS = Path(engine.adapters.__file__).parent
sys.path.insert(0, str(ADAPTERS))

import plain  # noqa: E402  after the path
import spawning  # noqa: E402

__all__ = ["ADAPTERS", "plain", "spawning"]
