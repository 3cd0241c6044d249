"""The folders of finished runs: compressed after a while, then deleted."""

import contextlib
import fcntl
import gzip
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.core.lifecycle import AttemptKey
from engine.supervisor import emptying
from engine.supervisor.evidence import ARTIFACTS, CONTROL, LEASE, NAME, NEW, OUTPUTS, beside
from engine.supervisor.namespace import FOLDER, make_folder, open_file
from engine.supervisor.output import HEAD_BYTES, SEGMENT_BYTES, STREAMS
from jobfile.model.namedtuple import NamedTuple

SCRATCH = "tmp"
"""The temporary folder of a run, inside its folder and deleted with it."""
OF_A_STEP = ".tmp."
"""How the name of the temporary folder of a step begins, and that of leftovers that are being deleted."""
MAX_ENTRIES = 200_000
"""Maximum number of files in one run's folder that are counted; more count as too large."""

BESIDE = (ARTIFACTS, CONTROL, LEASE, OUTPUTS, NEW, NAME)
"""What an attempt may leave beside its folder, the evidence last."""
_STORED = ("output", *STREAMS)
"""How the names of stored output begin."""
SHARDS = 256
"""The shards that hold the folders of runs, by the first two digits of their names."""


_GET_FLAGS, _SET_FLAGS = 0x80086601, 0x40086602
_TOP = 0x00020000
"""ioctl_iflags(2), only on ext4: subfolders are spread over the disk."""


def make_runs_dir(path: Path) -> None:
    """Create the folder of all runs.

    After many deletions, as by retention, ext4 checks each deleted file again for every new one in the same
    group of blocks, for some minutes. Shards that are spread over the disk do not share one group.
    """
    with contextlib.suppress(OSError):
        path.mkdir(mode=0o700, exist_ok=True)
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            flags = bytearray(4)
            fcntl.ioctl(folder, _GET_FLAGS, flags)
            wanted = int.from_bytes(flags, sys.byteorder) | _TOP
            fcntl.ioctl(folder, _SET_FLAGS, wanted.to_bytes(4, sys.byteorder))
        finally:
            os.close(folder)


def compress_attempt(folder: Path) -> bool:
    """Compress the output of a finished attempt, and delete what only its supervisor needed.

    A crash in between leaves either the plain file or both; then the plain one is read. False when something
    could not be done; it stays as it is. Anything that is not the expected folder or file is not touched.
    """
    try:
        with _opened_shelf(folder.parent) as shelf:
            for name in (CONTROL, LEASE):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(beside(folder.name, name), dir_fd=shelf)
            with _opened(folder.name, shelf) as inner:
                names = [one.name for one in os.scandir(inner) if one.name.startswith(_STORED)]
                for name in sorted(one for one in names if not one.endswith(".gz")):
                    _compress(name, inner)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink("script", dir_fd=inner)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _compress(name: str, folder: int) -> None:
    packed, new = f"{name}.gz", f".{name}.gz.new"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(new, dir_fd=folder)
    with os.fdopen(open_file(name, os.O_RDONLY, folder=folder), "rb") as plain:
        if os.fstat(plain.fileno()).st_size > max(HEAD_BYTES, SEGMENT_BYTES):
            return  # no supervisor writes that much into one file
        handle = open_file(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, folder=folder)
        with os.fdopen(handle, "wb") as file:
            with gzip.GzipFile("", fileobj=file, mode="wb", compresslevel=6) as pack:
                shutil.copyfileobj(plain, pack, 1024 * 1024)
            file.flush()
            os.fsync(file.fileno())
    os.rename(new, packed, src_dir_fd=folder, dst_dir_fd=folder)
    os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _opened(name: "str | Path", above: int | None = None) -> Iterator[int]:
    """An open folder. A link in its place is not followed: a job may have put it there."""
    handle = os.open(name, FOLDER, dir_fd=above)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def _opened_shelf(shelf: Path) -> Iterator[int]:
    with _opened(shelf.parent) as runs, _opened(shelf.name, runs) as handle:
        yield handle


def remove_run(folder: Path, attempts: Iterable[AttemptKey]) -> None:
    """Delete all that a run left; its evidence last."""
    for path in left_by(folder, attempts):
        remove(path)


def left_by(folder: Path, attempts: Iterable[AttemptKey]) -> list[Path]:
    """All paths that a run with these attempts may have left, existing or not."""
    names = [str(folder.with_name(key.folder)) for key in attempts]
    proofs = [Path(beside(name, ending)) for name in names for ending in BESIDE]
    return [folder, *map(Path, names), *proofs]


def artifacts_of(folder: Path) -> Path:
    """The folder of an attempt's artifacts."""
    return Path(beside(str(folder), ARTIFACTS))


def remove(path: Path) -> None:
    """Delete a file or folder of a shard; a job may have made parts of it unwritable, or a link."""
    with contextlib.suppress(OSError), _opened_shelf(path.parent) as shelf:
        emptying.remove(path.name, shelf)


def copy_run(old: Path, new: Path) -> bool:
    """Copy the folder of a run for the run that retries it. False, and no copy, if that is not possible.

    Links are copied as links; sockets, pipes and devices are left out, and so is the temporary folder. The
    folder of a job with another `user` is not copied: while root reads it, that user could put links in it.
    """
    if old.is_symlink() or not old.is_dir() or old.stat().st_uid != os.geteuid():
        return False
    try:
        make_folder(str(new.parent))
        shutil.copytree(old, new, symlinks=True, ignore=_not_copied, copy_function=_copy_file)
    except OSError:
        remove(new)
        return False
    return True


def scratch_of(attempt: AttemptKey) -> str:
    """The name of an attempt's temporary folder: it is emptied at its end, while other steps may run."""
    if not attempt.step:
        return SCRATCH
    return f"{OF_A_STEP}{attempt.step}.{attempt.item}" if attempt.item else f"{OF_A_STEP}{attempt.step}"


def _is_scratch(name: str) -> bool:
    return name == SCRATCH or name.startswith(OF_A_STEP)


def _not_copied(folder: str, names: list[str]) -> list[str]:
    with os.scandir(folder) as entries:
        kinds = {one.name: one.is_symlink() or one.is_dir() or one.is_file() for one in entries}
    return [name for name in names if _is_scratch(name) or not kinds.get(name)]


def _copy_file(old: str, new: str) -> None:
    shutil.copy2(old, new, follow_symlinks=False)
    owner = os.lstat(old)
    if owner.st_uid != os.geteuid():
        os.chown(new, owner.st_uid, owner.st_gid, follow_symlinks=False)


def empty_scratch(folder: Path) -> None:
    """Delete a run's temporary folder, and what its supervisors had no time to delete."""
    with (
        contextlib.suppress(OSError),
        _opened_shelf(folder.parent) as shelf,
        _opened(folder.name, shelf) as inner,
    ):
        for name in [entry.name for entry in os.scandir(inner)]:
            if _is_scratch(name):
                emptying.remove(name, inner)


def old_entries(runs_dir: Path, *, shard: int, older_than: float) -> Iterator[Path]:
    """What runs left in one of the 256 shards, unchanged since an instant (Unix seconds)."""
    shelf = runs_dir / f"{shard:02x}"
    with contextlib.suppress(OSError), _opened_shelf(shelf) as handle, os.scandir(handle) as entries:
        for entry in entries:
            if entry.stat(follow_symlinks=False).st_mtime < older_than:
                yield shelf / entry.name


def run_of(entry: str) -> str:
    """The run that owns a folder or file of this name."""
    # Through bytes, because a job may have created the entry, with a name that is not UTF-8.
    return os.fsencode(entry.partition(".")[0]).decode("utf-8", "replace")


def bytes_of_run(folder: Path, attempts: Iterable[AttemptKey]) -> int:
    """The bytes of a run and its attempts on the disk."""
    total = 0
    for path in left_by(folder, attempts):
        with contextlib.suppress(OSError):
            total += path.lstat().st_blocks * 512 + survey(path).total_bytes
    return total


def exceeds(folder: Path, *, limit: int) -> bool:
    """Whether the files below a folder take more disk space than allowed. Links are not followed."""
    total = 0
    for count, (_, size) in enumerate(_sizes_below(folder), start=1):
        total += size
        if total > limit or count > MAX_ENTRIES:
            return True
    return False


class Survey(NamedTuple):
    """What is below a folder: bytes on the disk, whether everything was counted, unfinished files."""

    total_bytes: int
    is_whole: bool
    half_made: tuple[Path, ...]


def survey(folder: Path) -> Survey:
    """Count everything below a folder, up to a limit. Links are not followed."""
    total = 0
    half_made: list[Path] = []
    for count, (path, size) in enumerate(_sizes_below(folder), start=1):
        if count > MAX_ENTRIES:
            return Survey(total, is_whole=False, half_made=tuple(half_made))
        total += size
        if path.endswith(".new"):
            half_made.append(Path(path))
    return Survey(total, is_whole=True, half_made=tuple(half_made))


def _sizes_below(folder: Path) -> Iterator[tuple[str, int]]:
    """Everything below a folder that can be seen, each with its bytes on the disk."""
    todo = [] if os.path.islink(folder) else [str(folder)]  # noqa: PTH114  a name may be too long for it
    while todo:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    yield entry.path, entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
        except OSError:
            continue


def run_names(runs_dir: Path) -> Iterator[str]:
    """All runs that left something, sorted, one shard at a time."""
    for shard in range(SHARDS):
        yield from sorted({run_of(entry.name) for entry in _entries(runs_dir, shard)})


def oldest_first(runs_dir: Path) -> list[str]:
    """All runs that left something, those first whose last change is the longest ago."""
    changed_at: dict[str, float] = {}
    for shard in range(SHARDS):
        for entry in _entries(runs_dir, shard):
            with contextlib.suppress(OSError):
                at, run_id = entry.stat(follow_symlinks=False).st_mtime, run_of(entry.name)
                changed_at[run_id] = max(at, changed_at.get(run_id, at))
    return sorted(changed_at, key=lambda run_id: (changed_at[run_id], run_id))


class Shrinkable(NamedTuple):
    """A run whose files could take less room when it is old."""

    run_id: str
    is_plain: bool
    """Whether there is output that is not compressed, or what only its supervisors needed."""
    has_copies: bool
    """Whether there are copies of artifacts."""


def shrinkable(runs_dir: Path, *, shard: int) -> list[Shrinkable]:
    """The runs of a shard whose files could take less room when they are old."""
    plain: set[str] = set()
    copies: set[str] = set()
    for entry in _entries(runs_dir, shard):
        run_id, ending = run_of(entry.name), entry.name.rpartition(".")[2]
        if ending == ARTIFACTS:
            copies.add(run_id)
        elif ending in (CONTROL, LEASE) or (entry.name != run_id and _has_plain(entry)):
            plain.add(run_id)
    return [
        Shrinkable(one, is_plain=one in plain, has_copies=one in copies) for one in sorted(plain | copies)
    ]


def _has_plain(entry: "os.DirEntry[str]") -> bool:
    """Whether this is an attempt's folder with a file that `compress_attempt` would compress or delete."""
    try:
        if not entry.is_dir(follow_symlinks=False):
            return False
        with os.scandir(entry.path) as files:
            return any(
                one.name == "script" or (one.name.startswith("output") and not one.name.endswith(".gz"))
                for one in files
            )
    except OSError:
        return False


def _entries(runs_dir: Path, shard: int) -> "list[os.DirEntry[str]]":
    try:
        with os.scandir(runs_dir / f"{shard:02x}") as entries:
            return [*entries]
    except OSError:
        return []


class Room(NamedTuple):
    """Free space of a disk: bytes, and files. `files` is 0 if their number has no limit."""

    free_bytes: int
    free_files: int
    files: int


def room(folder: Path) -> Room:
    """Free space on the disk of a folder."""
    about = os.statvfs(folder)
    return Room(about.f_bavail * about.f_frsize, about.f_favail, about.f_files)


def free_bytes(folder: Path) -> int:
    """Free space on the disk of a folder."""
    return shutil.disk_usage(folder).free
