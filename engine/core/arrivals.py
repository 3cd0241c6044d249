"""Decides which files have arrived: what a scan of a folder found, beside the scan before and the ledger."""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

from jobfile.model.namedtuple import NamedTuple

UNCLOSED_SECONDS: Final = 900.0
"""How long a file that its writer has not closed may stay unchanged before it counts as complete: the report
of its close may have been lost.
"""
CLOSED, MOVED = "closed", "moved"
"""The ways in which a file can arrive, as in `events` of a trigger."""


class FoundFile(NamedTuple):
    """A regular file in a watched folder. Bytes of names that are not UTF-8 are surrogates."""

    path: str
    inode: int
    """0 where the file system does not keep the numbers of its files."""
    size: int
    mtime_ns: int

    @property
    def folder(self) -> str:
        """The folder that it is in."""
        return self.path.rpartition("/")[0] or "/"

    @property
    def name(self) -> str:
        """Its name in that folder."""
        return self.path.rpartition("/")[2]


class Scan(NamedTuple):
    """The content of a watched folder at one moment, or why it cannot be read."""

    files: tuple[FoundFile, ...] = ()
    mounts: Mapping[str, str] = {}
    """The mount point of each folder that was read to its end."""
    trouble: str = ""
    """Why nothing is known about the folder; empty if it was read."""
    left_out: str = ""
    """Why some of its files may be missing here."""
    polled: str = ""
    """Why the kernel reports no changes of it, so that it is scanned often."""

    @property
    def is_complete(self) -> bool:
        """Whether a file that is not here does not exist."""
        return not self.trouble and not self.left_out


class Hint(StrEnum):
    """What the kernel reports about a path."""

    CREATED = "created"
    OPENED = "opened"
    WRITTEN = "written"
    CLOSED = "closed"
    READ = "read"
    """Closed by a process that could not write."""
    MOVED = "moved"


class Trace(NamedTuple):
    """What the reports about a path say together; nothing is known about a path without one."""

    was_closed: bool = False
    was_moved: bool = False
    is_new: bool = False
    """It was created, and not closed since by a process that could write."""
    is_open: bool = False
    is_written: bool = False
    """A process that had it open has written, and not closed it since."""

    @property
    def is_being_written(self) -> bool:
        """Whether a process that writes it has not closed it. A hard link is new and never opened."""
        return self.is_open and (self.is_new or self.is_written)

    def after(self, hint: Hint) -> "Trace":
        """What is known after one more report."""
        match hint:
            case Hint.CREATED:
                return Trace(is_new=True)
            case Hint.OPENED:
                return self._replace(is_open=True)
            case Hint.WRITTEN:
                return self._replace(is_written=self.is_open)
            case Hint.CLOSED:
                return self._replace(was_closed=True, is_new=False, is_open=False, is_written=False)
            case Hint.READ:
                return self if self.is_being_written else self._replace(is_open=False)
            case Hint.MOVED:
                return self._replace(was_moved=True, was_closed=False, is_new=False)

    def counts_for(self, events: Collection[str]) -> bool:
        """Whether a file that arrived like this counts. One about which nothing is known always does."""
        ways = {way for way, was in ((CLOSED, self.was_closed), (MOVED, self.was_moved)) if was}
        return not ways or not ways.isdisjoint(events)


UNKNOWN: Final = Trace()


class Observed(NamedTuple):
    """A file, its identity, and since when it has not changed, in seconds of the clock that never steps."""

    file: FoundFile
    identity: str
    since: float


class Rule(NamedTuple):
    """Which files a trigger counts: by name, by the way in which they arrive, and once they are unchanged."""

    matches: Callable[[str], bool]
    events: Collection[str]
    settle_seconds: float


class Arrivals(NamedTuple):
    """What follows from a scan for one trigger."""

    events: tuple[Observed, ...] = ()
    """The files that have arrived, oldest first."""
    passed_over: tuple[Observed, ...] = ()
    """Those that arrived in a way that does not count."""
    look_at: float | None = None
    """When a file may have arrived that is still changing; None if there is none."""


def identity_of(file: FoundFile) -> str:
    """The text that is different for each content of each path: in ASCII, whatever the name is."""
    return f"{file.inode} {file.size} {file.mtime_ns} {json.dumps(file.path)}"


def path_in(identity: str) -> str | None:
    """The path in an identity; None if the text is not one."""
    *_, text = identity.split(" ", 3)
    try:
        path = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return path if isinstance(path, str) else None


def observe(files: Iterable[FoundFile], before: Mapping[str, Observed], *, now: float) -> dict[str, Observed]:
    """The files of a scan by their paths, each with the time since which it has been the same."""
    found = {}
    for file in files:
        known = before.get(file.path)
        is_same = known is not None and known.file == file
        found[file.path] = known if known and is_same else Observed(file, identity_of(file), now)
    return found


def arrivals(
    observed: Iterable[Observed],
    rule: Rule,
    *,
    known: Collection[str],
    traces: Mapping[str, Trace],
    now: float,
) -> Arrivals:
    """Which of the files are events at the time of their scan, and when to scan again.

    `known` are the identities that the ledger has.
    """
    events, passed_over, times = [], [], []
    for one in observed:
        if one.identity in known or not rule.matches(one.file.name):
            continue
        trace = traces.get(one.file.path, UNKNOWN)
        wait = max(rule.settle_seconds, UNCLOSED_SECONDS if trace.is_being_written else 0.0)
        if wait and now - one.since < wait:
            times.append(one.since + wait)
        elif trace.counts_for(rule.events):
            events.append(one)
        else:
            passed_over.append(one)
    events.sort(key=lambda one: (one.file.mtime_ns, one.file.path))
    return Arrivals(tuple(events), tuple(passed_over), min(times, default=None))


def counts(one: Observed, rule: Rule, traces: Mapping[str, Trace]) -> bool:
    """Whether a file is one that a trigger counts, now or once it is unchanged for long enough."""
    way = traces.get(one.file.path, UNKNOWN)
    return rule.matches(one.file.name) and way.counts_for(rule.events)


def gone(
    recorded: Mapping[str, str],
    observed: Iterable[Observed],
    scan: Scan,
    rule: Rule,
    *,
    folder: str,
    is_recursive: bool,
) -> Iterator[str]:
    """The recorded identities that a scan proves gone; `recorded` has the mount point of each,
    `observed` the files of the scan.

    Nothing is proved by a scan of what is below a mount that is not mounted: its files are elsewhere.
    """
    if not scan.is_complete:
        return
    present = {one.identity for one in observed}
    for identity, mount in recorded.items():
        if identity in present:
            continue
        path = path_in(identity)
        if path is None or not rule.matches(path.rpartition("/")[2]):
            continue
        covered = _covering(path, scan.mounts, folder=folder, is_recursive=is_recursive)
        if covered is not None and covered == mount:
            yield identity


def _covering(path: str, mounts: Mapping[str, str], *, folder: str, is_recursive: bool) -> str | None:
    """The mount point of the nearest folder above a path that was read; None if the path is not watched."""
    above = path.rpartition("/")[0] or "/"
    if above == folder or not is_recursive:
        return mounts.get(above) if above == folder else None
    while above.startswith(f"{folder.rstrip('/')}/"):
        if above in mounts:
            return mounts[above]
        above = above.rpartition("/")[0]
    return mounts.get(folder) if path.startswith(f"{folder.rstrip('/')}/") else None
