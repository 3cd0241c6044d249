"""The reasons for which an engine starts nothing: one object for every loop."""

from collections.abc import Callable


class Holds:
    """The holds of an engine. Each property is a reason as a text, or '' when there is none."""

    def __init__(
        self, *, is_clock_held: Callable[[], bool], is_disk_low: Callable[[], bool], is_restored: bool
    ) -> None:
        """`is_ending` is set later, when the process ends its jobs: no new run starts then."""
        self._is_clock_held = is_clock_held
        self._is_disk_low = is_disk_low
        self._is_restored = is_restored
        self.is_ending = False

    @property
    def on_time(self) -> str:
        """Why nothing that depends on the wall clock is recorded."""
        return "the clock is not believed" if self._is_clock_held() else ""

    @property
    def on_schedules(self) -> str:
        """Why no occurrence is accounted for."""
        return "the ledger is an older copy that has not been accepted" if self._is_restored else ""

    @property
    def on_retention(self) -> str:
        """Why nothing old is deleted."""
        return self.on_time or self.on_schedules

    @property
    def on_starts(self) -> str:
        """Why no run starts, and no generation is applied."""
        return self.by_trouble or ("the engine is ending its jobs" if self.is_ending else "")

    @property
    def by_trouble(self) -> str:
        """Why no run starts, unless a user has ended the engine."""
        return self.on_retention or ("disk space is low" if self._is_disk_low() else "")
