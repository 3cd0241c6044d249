"""Time zones from the `tzdata` package, never from the host, and the instants at which clocks change."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import tzdata  # type: ignore[import-untyped]  # the package has no types

from jobfile.model.dataclass import dataclass

TZDATA_VERSION: Final[str] = tzdata.IANA_VERSION
"""Stored with every generation: the version of the rules that turned local times into instants."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
HORIZON: Final = datetime(9998, 1, 1, tzinfo=UTC)
"""The end of every search: the standard library's calendar ends two years later."""

LEAST_YEAR: Final = 2
"""The first whole year whose instants have a local time everywhere."""

STEP_SECONDS: Final = 3 * 86_400
"""The step in which offsets are compared: shorter than the time
between any two changes of a zone, so none is missed.
"""

_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockChange:
    """A zone's clock is set forward (a gap in local time) or back (a fold: local times occur twice)."""

    at: datetime
    offset_before: timedelta
    offset_after: timedelta

    @property
    def is_gap(self) -> bool:
        """Whether local times are skipped."""
        return self.offset_after > self.offset_before

    @property
    def size(self) -> timedelta:
        """By how much the clock changes."""
        return abs(self.offset_after - self.offset_before)

    @property
    def local_from(self) -> datetime:
        """The first local time, without a zone, that does not exist or occurs twice."""
        return self.at.replace(tzinfo=None) + min(self.offset_before, self.offset_after)


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """The names of all zones: places such as Europe/Oslo, UTC, and old names that still work."""
    return frozenset(_data("zones").decode("ascii").split())


@lru_cache(maxsize=1024)
def load_zone(name: str) -> ZoneInfo | None:
    """The zone with exactly this name, or None.

    Only listed names are looked up, so a path, a name in different case or an empty text is not a zone.
    """
    return ZoneInfo.from_file(_Bytes(_rules(name)), key=name) if name in zone_names() else None


def is_same_zone(one: str, other: str) -> bool:
    """Whether two zones have equal rules: often two names of one zone, as Asia/Calcutta and Asia/Kolkata."""
    return one == other or ({one, other} <= zone_names() and _rules(one) == _rules(other))


def _rules(name: str) -> bytes:
    return _data(f"zoneinfo/{name}")


def _data(name: str) -> bytes:
    """A file of the package, as `pkgutil.get_data` reads it, which takes longer to import than to run."""
    found = tzdata.__loader__.get_data(f"{tzdata.__path__[0]}/{name}")
    assert isinstance(found, bytes)
    return found


class _Bytes:
    """The two file operations needed to read a zone; the language opens no files."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; all remaining ones if `size` is negative."""
        end = len(self._data) if size < 0 else self._at + size
        taken = self._data[self._at : end]
        self._at += len(taken)
        return taken

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move to an offset from the beginning (0) or from here (1)."""
        self._at = offset + (self._at if whence == 1 else 0)
        return self._at


def clock_changes(zone: str, *, after: datetime, days: int = 366) -> tuple[ClockChange, ...]:
    """The changes of a zone's clock in (after, after + days], oldest first; none for an unknown zone."""
    last = min(after, HORIZON - timedelta(days=days)) + timedelta(days=days)
    return tuple(
        change
        for year in range(max(after.year, LEAST_YEAR), last.year + 1)
        for change in changes_of_year(zone, year)
        if after < change.at <= last
    )


@lru_cache(maxsize=4096)
def changes_of_year(zone: str, year: int) -> tuple[ClockChange, ...]:
    """The changes in a year of UTC, with its first instant, oldest first; none for an unknown zone."""
    loaded = load_zone(zone)
    if loaded is None:
        return ()
    low = (datetime(year, 1, 1, tzinfo=UTC) - EPOCH) // _SECOND - 1
    end = (datetime(year + 1, 1, 1, tzinfo=UTC) - EPOCH) // _SECOND - 1
    found: list[ClockChange] = []
    before = _offset(loaded, low)
    while low < end:
        high = min(low + STEP_SECONDS, end)
        after = _offset(loaded, high)
        if before != after:
            at = EPOCH + timedelta(seconds=_first_change(loaded, low, high))
            found.append(ClockChange(at=at, offset_before=before, offset_after=after))
        low, before = high, after
    return tuple(found)


def _first_change(zone: ZoneInfo, low: int, high: int) -> int:
    """The second at which the offset changes between `low` and `high`,
    found by bisection; there is one change.
    """
    before = _offset(zone, low)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, middle) == before:
            low = middle
        else:
            high = middle
    return high


def _offset(zone: ZoneInfo, seconds: int) -> timedelta:
    offset = (EPOCH + timedelta(seconds=seconds)).astimezone(zone).utcoffset()
    assert offset is not None, "a zone has an offset at every instant"
    return offset
