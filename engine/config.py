"""The engine's settings: read once from the command line and the environment, then frozen."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MAX_RUNNING = 16
"""Attempts running at once in one engine, unless JOBFILE_MAX_RUNNING says other."""

CATCHUP_STARTS = 2
"""Runs made up for after an absence that start within a second, unless JOBFILE_CATCHUP_STARTS says other."""

STATE_FOLDER = ".jobfile"
MAIN_FILE = "jobs.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Everything an engine is told from outside."""

    main_file: Path
    state_dir: Path
    environ: Mapping[str, str]
    max_running: int = MAX_RUNNING
    catchup_starts: int = CATCHUP_STARTS
    allows_removals: bool = False
    applies_by_itself: bool = True
    accepts_rewind: bool = False
    git_ref: str = ""
    git_signers: Path | None = None

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.state_dir / "ledger.db"

    @property
    def runs_dir(self) -> Path:
        """Where the folders of runs are."""
        return self.state_dir / "runs"

    def run_dir(self, run_id: str) -> Path:
        """The folder of a run; a level of 256 folders keeps each of them small."""
        return self.runs_dir / run_id[:2] / run_id

    def attempt_dir(self, run_id: str, number: int) -> Path:
        """The folder of an attempt."""
        return self.run_dir(run_id) / str(number)


def find_main_file(given: str | None, *, here: Path) -> Path:
    """The main file: the one given, else jobs.yaml here or in the nearest parent, else jobs.yaml here."""
    if given is not None:
        return Path(given)
    for folder in (here, *here.parents):
        if (folder / MAIN_FILE).is_file():
            # Kept relative where possible: it is the name that people see in messages.
            return Path(MAIN_FILE) if folder == here else folder / MAIN_FILE
    return Path(MAIN_FILE)


def find_state_dir(given: str | None, main_file: Path, *, environ: Mapping[str, str]) -> Path:
    """The state folder: the one given, else $JOBFILE_STATE, else .jobfile beside the main file."""
    named = given or environ.get("JOBFILE_STATE")
    return Path(named).absolute() if named else main_file.absolute().parent / STATE_FOLDER


def repository_root(environ: Mapping[str, str], *, here: Path) -> Path:
    """The folder that a service's paths start from: the one that GitHub or GitLab names, else here."""
    named = environ.get("GITHUB_WORKSPACE") or environ.get("CI_PROJECT_DIR")
    return Path(named) if named else here


def max_running(environ: Mapping[str, str]) -> int:
    """How many attempts may run at once; a JOBFILE_MAX_RUNNING that is no number from 1 up is ignored."""
    return _number(environ, "JOBFILE_MAX_RUNNING", MAX_RUNNING)


def catchup_starts(environ: Mapping[str, str]) -> int:
    """How many runs that are made up for may start within a second; see JOBFILE_CATCHUP_STARTS."""
    return _number(environ, "JOBFILE_CATCHUP_STARTS", CATCHUP_STARTS)


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    is_number = text.isascii() and text.isdigit() and len(text) < 5
    return int(text) if is_number and int(text) else default
