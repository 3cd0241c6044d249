"""TLS, with a certificate that is read again when its file changes."""

import ssl
import stat
import threading
from pathlib import Path
from shlex import quote
from typing import Final

from engine.core.errors import JobfileError
from engine.host.ownership import is_foreign, is_shared

LOOK_SECONDS: Final = 10.0


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What connections are encrypted with. Raises JobfileError for files that do not fit."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load(context, certificate, key)
    return context


def load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Use this certificate for every connection that begins from now on."""
    try:
        about = key.stat()
        if is_foreign(about) or is_shared(about) or about.st_mode & stat.S_IROTH:
            raise JobfileError(f"--tls-key {key} is open to others; close it:  chmod 600 {quote(str(key))}")
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise JobfileError(f"--tls-cert {certificate} and --tls-key {key} cannot be used: {error}") from error


class Renewal:
    """Looks for a new certificate, in a thread of its own."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        """Look at nothing yet."""
        self._context, self._certificate, self._key = context, certificate, key
        self._seen = self._mark()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="certificate", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def look(self) -> bool:
        """Use the files if they have changed; True if they were used. A pair that does not fit yet waits."""
        now = self._mark()
        if now == self._seen:
            return False
        try:
            load(self._context, self._certificate, self._key)
        except JobfileError:
            return False
        self._seen = now
        return True

    def _run(self) -> None:
        while not self._ended.wait(LOOK_SECONDS):
            self.look()

    def _mark(self) -> tuple[object, ...]:
        found: list[object] = []
        for one in (self._certificate, self._key):
            try:
                about = one.stat()
            except OSError:
                found.append(None)
            else:
                found.append((about.st_ino, about.st_size, about.st_mtime_ns))
        return tuple(found)
