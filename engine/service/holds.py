"""Why an engine starts nothing, in words: one object that every loop asks."""

from collections.abc import Callable


class Holds:
    """What holds an engine back. Each property is a reason for people, and '' when nothing holds."""

    def __init__(
        self, *, is_clock_held: Callable[[], bool], is_disk_low: Callable[[], bool], is_restored: bool
    ) -> None:
        """`is_ending` is set when the process ends its jobs: no other starts then."""
        self._is_clock_held = is_clock_held
        self._is_disk_low = is_disk_low
        self._is_restored = is_restored
        self.is_ending = False

    @property
    def on_time(self) -> str:
        """Why nothing that depends on the wall clock is written down."""
        return "the clock is not believed" if self._is_clock_held() else ""

    @property
    def on_schedules(self) -> str:
        """Why no occurrence is accounted for."""
        return "the ledger is an older copy that nobody has accepted" if self._is_restored else ""

    @property
    def on_retention(self) -> str:
        """Why nothing old is deleted."""
        return self.on_time or self.on_schedules

    @property
    def on_starts(self) -> str:
        """Why no run starts, and no generation is applied."""
        if words := self.on_retention:
            return words
        if self._is_disk_low():
            return "there is too little room on the disk"
        return "the engine is ending its jobs" if self.is_ending else ""
