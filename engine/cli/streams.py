"""Wraps standard output and error: reports a failed write plainly, and lets no text control the terminal."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO, Any, TextIO, cast

from jobfile.diagnostics.escapes import harmless


class UnwrittenError(OSError):
    """The command's output could not be written."""


class _Checked:
    """A stream that removes control sequences, and whose failed writes raise UnwrittenError."""

    def __init__(self, stream: IO[Any]) -> None:
        """Wrap a stream of text or of bytes."""
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        found = getattr(self._stream, name)
        return _Checked(found) if name == "buffer" else found

    def write(self, part: str | bytes) -> int:
        """Write, as the stream does; control sequences are removed from any text."""
        with _explaining_errors():
            return int(self._stream.write(harmless(part) if isinstance(part, str) else part))

    def flush(self) -> None:
        """Flush, as the stream does."""
        with _explaining_errors():
            self._stream.flush()


@contextlib.contextmanager
def checked_streams() -> Iterator[None]:
    """Inside this block a failed write to standard output or error raises
    UnwrittenError, but not for a closed pipe.
    """
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and cast("TextIO", _Checked(stream)) for stream in before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def give_up() -> None:
    """Discard the buffered rest; otherwise the interpreter would report the error again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with contextlib.suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
                stream.flush()


@contextlib.contextmanager
def _explaining_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnwrittenError(error.errno, error.strerror or str(error)) from error
