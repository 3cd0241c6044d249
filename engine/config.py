"""The engine's settings: read once from the command line and the environment, then frozen."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from engine.core.errors import WrongUsageError
from jobfile.model.dataclass import dataclass

if TYPE_CHECKING:
    from engine.core.lifecycle import AttemptKey

MAX_RUNNING = 16
"""Maximum number of concurrent attempts in one engine; overridden by JOBFILE_MAX_RUNNING."""

CATCHUP_STARTS = 2
"""Maximum number of catch-up runs that start per second; overridden by JOBFILE_CATCHUP_STARTS."""

KEEP_RUNS = 10_000
"""Number of runs of one job that are kept in full; overridden by JOBFILE_KEEP_RUNS."""
KEEP_DAYS = 30
"""Number of days for which runs are kept in full; overridden by JOBFILE_KEEP_DAYS."""
KEEP_ARTIFACTS_DAYS = 30
"""Number of days for which copies of artifacts are kept, at most as long as their runs.

Overridden by JOBFILE_KEEP_ARTIFACTS_DAYS.
"""
MIN_FREE_MIB = 512
"""With less free disk space nothing starts; overridden by JOBFILE_MIN_FREE_MIB."""
KEEP_MIB = 10_240
"""Maximum size of all run folders together; overridden by JOBFILE_KEEP_MIB."""
MAX_FOLDER_MIB = 10_240
"""Maximum size of one run's folder; overridden by JOBFILE_MAX_FOLDER_MIB."""
_MIB = 2**20
KEPT_FOLDERS = 1_024
"""Number of cached paths of runs and attempts."""
LASTING_PARTS = 2
"""Links with at most this many parts belong to the system's own layout."""
MAX_DIGITS = 9
"""Maximum digits of a number in the environment; a longer one is a mistake."""

SERVERS = ("postgresql", "postgres")
"""The schemes of ledgers in a server."""
STORE = "JOBFILE_STORE"
"""The variable with the URL of a ledger in a server."""
STATE_FOLDER = ".jobfile"
MAIN_FILE = "jobs.yaml"


class Limits(TypedDict):
    """The limits of an engine."""

    max_running: int
    catchup_starts: int
    keep_runs: int
    keep_days: int
    keep_artifacts_days: int
    keep_bytes: int
    min_free_bytes: int
    max_folder_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """All settings of an engine from outside."""

    main_file: Path
    state_dir: Path
    environ: Mapping[str, str]
    store: str = ""
    """The URL of a ledger in a server; empty when the ledger is the file in the state folder."""
    is_leader: bool = False
    """Whether other hosts execute what this engine starts."""
    account: Callable[[], Mapping[str, str]] = dict
    """HOME, USER and LOGNAME of the user that the engine runs as; read when something is executed."""
    max_running: int = MAX_RUNNING
    catchup_starts: int = CATCHUP_STARTS
    allows_removals: bool = False
    applies_by_itself: bool = True
    is_strict: bool = True
    """Job files that others could change are not put in force."""
    accepts_rewind: bool = False
    git_ref: str = ""
    git_signers: Path | None = None
    marks_missed: bool = False
    keep_runs: int = KEEP_RUNS
    keep_days: int = KEEP_DAYS
    keep_artifacts_days: int = KEEP_ARTIFACTS_DAYS
    keep_bytes: int = KEEP_MIB * _MIB
    min_free_bytes: int = MIN_FREE_MIB * _MIB
    max_folder_bytes: int = MAX_FOLDER_MIB * _MIB

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.state_dir / "ledger.db"

    @property
    def ledger_url(self) -> str:
        """The URL of the ledger; of its file whatever bytes the path has. It may have a password."""
        return self.store or f"sqlite{self.ledger.absolute().as_uri().removeprefix('file')}"

    @property
    def ledger_name(self) -> str:
        """The ledger's file, or its URL without what may be secret, to show."""
        if not self.store:
            return str(self.ledger)
        scheme, _, rest = self.store.partition("?")[0].partition("://")
        return f"{scheme}://{rest.rpartition('@')[2]}"

    @property
    def runs_dir(self) -> Path:
        """Where the folders of runs are."""
        return self.state_dir / "runs"

    def run_folder(self, run_id: str) -> str:
        """A run's private folder; a level of 256 folders keeps each of them small."""
        return f"{self.state_dir}/runs/{run_id[:2]}/{run_id}"

    def run_dir(self, run_id: str) -> Path:
        """A run's private folder, as a path."""
        return Path(self.run_folder(run_id))

    def output_file(self, attempt: "AttemptKey") -> str:
        """Where an attempt may write its outputs: in the folder of its run."""
        return self._own_file(attempt, ".outputs")

    def script_file(self, attempt: "AttemptKey") -> str:
        """The script of an attempt whose user may not enter the attempt's folder: in that of its run."""
        return self._own_file(attempt, ".script")

    def _own_file(self, attempt: "AttemptKey", name: str) -> str:
        return f"{self.run_folder(attempt.run_id)}/{name}{attempt.folder.removeprefix(attempt.run_id)}"

    def attempt_dir(self, attempt: "AttemptKey") -> Path:
        """The folder of an attempt, if it wrote something; its evidence has that name and a suffix."""
        return _folder(f"{self.state_dir}/runs/{attempt.run_id[:2]}/{attempt.folder}")


@lru_cache(maxsize=KEPT_FOLDERS)
def _folder(name: str) -> Path:
    """Cached: it is needed several times a run, and making a path is slow."""
    return Path(name)


def find_main_file(given: str | None, *, here: Path) -> Path:
    """The main file: the one given, else jobs.yaml here or in the nearest parent, else jobs.yaml here."""
    if given is not None:
        return Path(given)
    for folder in (here, *here.parents):
        main = folder / MAIN_FILE
        if _is_there(main):
            # Kept relative where possible, because messages show it.
            return Path(MAIN_FILE) if folder == here else main
    return Path(MAIN_FILE)


def _is_there(path: Path) -> bool:
    """Whether a link or a file is there; a link is reported as one, not skipped."""
    try:
        return path.is_symlink() or path.is_file()
    except PermissionError:
        return False


def find_state_dir(given: str | None, main_file: Path, *, environ: Mapping[str, str]) -> Path:
    """The state folder: the one given, else $JOBFILE_STATE, else .jobfile beside the main file."""
    named = given or environ.get("JOBFILE_STATE")
    return Path(named).absolute() if named else main_file.absolute().parent / STATE_FOLDER


def find_store(given: str | None, *, environ: Mapping[str, str]) -> str:
    """The URL of a ledger in a server: the one given, else $JOBFILE_STORE; empty without one.

    An error shows the scheme alone: the rest may hold a password.
    """
    found = environ.get(STORE, "") if given is None else given
    scheme, mark, _ = found.partition("://")
    if found and (not mark or scheme not in SERVERS):
        said = f"the scheme `{scheme}`" if mark else "no scheme"
        raise WrongUsageError(
            f"the URL of --store or JOBFILE_STORE has {said}; expected  postgresql://USER@HOST/DATABASE"
        )
    return found


def link_before(folder: Path) -> Path | None:
    """The first symbolic link on the way to a folder; one right below the root, as /home, does not count."""
    for path in (*reversed(folder.parents), folder):
        if len(path.parts) > LASTING_PARTS and path.is_symlink():
            return path
    return None


def repository_root(environ: Mapping[str, str], *, here: Path) -> Path:
    """The folder that a service's paths start from: the one that GitHub or GitLab names, else here."""
    named = environ.get("GITHUB_WORKSPACE") or environ.get("CI_PROJECT_DIR")
    return Path(named) if named else here


def limits(environ: Mapping[str, str]) -> Limits:
    """The engine's limits: each has a variable; a value that is not a number from 1 up is ignored."""
    return {
        "max_running": _number(environ, "JOBFILE_MAX_RUNNING", MAX_RUNNING),
        "catchup_starts": _number(environ, "JOBFILE_CATCHUP_STARTS", CATCHUP_STARTS),
        "keep_runs": _number(environ, "JOBFILE_KEEP_RUNS", KEEP_RUNS),
        "keep_days": _number(environ, "JOBFILE_KEEP_DAYS", KEEP_DAYS),
        "keep_artifacts_days": _number(environ, "JOBFILE_KEEP_ARTIFACTS_DAYS", KEEP_ARTIFACTS_DAYS),
        "keep_bytes": _number(environ, "JOBFILE_KEEP_MIB", KEEP_MIB) * _MIB,
        "min_free_bytes": _number(environ, "JOBFILE_MIN_FREE_MIB", MIN_FREE_MIB) * _MIB,
        "max_folder_bytes": _number(environ, "JOBFILE_MAX_FOLDER_MIB", MAX_FOLDER_MIB) * _MIB,
    }


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "")
    is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
    return int(text) if is_number and int(text) else default
