"""Which state folder the engine of a shared ledger has, and which ledger a state folder belongs to.

Evidence of runs is in the state folder. An engine with another folder would record its running jobs as lost,
and might start them again.
"""

import json
import os
from pathlib import Path
from typing import Final, NamedTuple

from engine.config import EngineConfig
from engine.core.errors import JobfileError, StoreRefusedError
from engine.host.lock import make_private_file
from engine.host.ownership import open_own
from engine.host.run_ids import new_run_id

HOME_FILE: Final = "store"
"""The file, in a state folder, with its identity and the ledger that it belongs to."""
MAX_HOME_BYTES: Final = 4_096


class Home(NamedTuple):
    """A state folder: its identity, and where it is, to show."""

    id: str
    where: str

    @classmethod
    def of_text(cls, text: str) -> "Home | None":
        """The home that a ledger names; None when it names none that can be read."""
        try:
            found = json.loads(text)
            return cls(str(found["id"]), str(found["where"]))
        except (ValueError, KeyError, TypeError):
            return None

    def to_text(self) -> str:
        """The text that a ledger has of it."""
        return json.dumps(self._asdict())


def home_of(config: EngineConfig) -> Home:
    """A state folder as the home of its ledger; with a new identity if it has none yet."""
    note = _note_in(config.state_dir) or {}
    return Home(str(note.get("id") or new_run_id()), f"{os.uname().nodename}:{config.state_dir}")


def keep_home(config: EngineConfig, home: Home) -> None:
    """Note in a state folder that it is the home of its ledger: the evidence of its runs is here."""
    note = {"id": home.id, "ledger": config.ledger_name}
    if _note_in(config.state_dir) != note:
        _write(config.state_dir / HOME_FILE, json.dumps(note) + "\n")


def has_evidence(config: EngineConfig) -> bool:
    """Whether the evidence of runs is in this state folder, and not in that of another host."""
    note = _note_in(config.state_dir) if config.store else None
    return not config.store or (note is not None and note.get("ledger") == config.ledger_name)


def refuse_without_store(config: EngineConfig) -> None:
    """Refuse to take a file for the ledger of a state folder whose ledger is in a server."""
    if config.store or config.ledger.exists():
        return
    note = _note_in(config.state_dir)
    if note is not None:
        raise StoreRefusedError(
            f"the ledger of {config.state_dir} is {note.get('ledger')}; name it with --store or JOBFILE_STORE"
        )


def prepare_ledger(config: EngineConfig) -> None:
    """Make the file of a ledger, closed to other users, if the ledger is a file and does not exist."""
    refuse_without_store(config)
    if not config.store:
        make_private_file(config.ledger)


def _note_in(state_dir: Path) -> dict[str, object] | None:
    try:
        with os.fdopen(open_own(state_dir / HOME_FILE, os.O_RDONLY), "rb") as file:
            note = json.loads(file.read(MAX_HOME_BYTES))
    except (OSError, ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) and isinstance(note.get("id"), str) else None


def _write(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    try:
        new.unlink(missing_ok=True)  # left by a crash, or a link that was put there
        with os.fdopen(open_own(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.rename(path)
    except OSError as error:
        raise JobfileError(f"{path} cannot be written ({error.strerror or error})") from error
