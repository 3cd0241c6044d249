"""Notifies the service manager: the engine is ready, is alive, is ending. See sd_notify(3)."""

import contextlib
import socket
from collections.abc import Mapping

from jobfile.diagnostics.escapes import readable

ALIVE_EVERY = 0.5
"""A keep-alive is due after this part of the watchdog's time: half, as
sd_watchdog_enabled(3) recommends.
"""

SEND_SECONDS = 1.0
"""Timeout for one message, in seconds: a manager that does not read must not block a loop."""


class Manager:
    """The socket of systemd, if there is one. A message that cannot be sent is dropped."""

    def __init__(self, environ: Mapping[str, str], *, pid: int) -> None:
        """Read $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        microseconds = environ.get("WATCHDOG_USEC", "")
        is_meant = environ.get("WATCHDOG_PID", str(pid)) == str(pid)
        is_watched = bool(self._address) and is_meant and microseconds.isascii() and microseconds.isdigit()
        self.alive_seconds = int(microseconds) / 1e6 * ALIVE_EVERY if is_watched else None

    def ready(self, status: str) -> None:
        """The engine has started, or has read its files again."""
        self._notify("READY=1", f"STATUS={status}")

    def status(self, status: str) -> None:
        """A line about the engine, for `systemctl status`."""
        self._notify(f"STATUS={status}")

    def alive(self) -> None:
        """A planning cycle has finished: the only keep-alive."""
        if self.alive_seconds is not None:
            self._notify("WATCHDOG=1")

    def reloading(self, monotonic_microseconds: int) -> None:
        """The files are being read again; READY follows."""
        self._notify("RELOADING=1", f"MONOTONIC_USEC={monotonic_microseconds}")

    def stopping(self) -> None:
        """The engine ends; running jobs continue under their supervisors."""
        self._notify("STOPPING=1")

    def _notify(self, *lines: str) -> None:
        if not self._address:
            return
        # An address that begins with @ is in the abstract namespace: unix(7).
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        flags = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, flags) as manager:
            manager.settimeout(SEND_SECONDS)
            manager.sendto(readable("\n".join(lines)).encode(), address)
