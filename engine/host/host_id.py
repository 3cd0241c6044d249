"""The identity of a host, in its state folder: the evidence of what it executes is there too."""

import os
from pathlib import Path
from typing import Final

from engine.host.atomic_write import write_private
from engine.host.ownership import open_own
from engine.host.run_ids import new_run_id

FILE: Final = "host"
MAX_BYTES: Final = 64


def host_id(state_dir: Path) -> str:
    """The identity of the host with this state folder; a new one if it has none."""
    path = state_dir / FILE
    try:
        with os.fdopen(open_own(path, os.O_RDONLY), "rb") as file:
            found = file.read(MAX_BYTES).decode("ascii", "replace").strip()
    except OSError:
        found = ""
    if len(found) == len(new_run_id()) and found.isalnum():
        return found
    made = new_run_id()
    write_private(path, f"{made}\n".encode())
    return made
