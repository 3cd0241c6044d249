"""Makes UTF-8 the encoding of names, whatever the locale is; other bytes survive as surrogates."""

import io
import os
import sys
from collections.abc import Mapping

from jobfile.diagnostics.escapes import READABLE


def use_utf8() -> None:
    """Restart in UTF-8 mode if the locale has a different encoding.

    Job files and supervisors use UTF-8, and a folder must have the same name for all of them.
    """
    is_utf8 = sys.getfilesystemencoding() == "utf-8"
    if not is_utf8 and sys.executable and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  this program again


def print_anything(environ: Mapping[str, str]) -> None:
    """Print in the terminal's encoding; characters that it lacks are printed as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=_encoding(stream, environ), errors=READABLE)


def _encoding(stream: io.TextIOWrapper, environ: Mapping[str, str]) -> str:
    """The encoding to print in: that of the locale, which UTF-8 mode ignores.

    A plain ASCII locale, as under cron and in containers, usually means that none was set: then UTF-8.
    """
    if not sys.flags.utf8_mode or environ.get("PYTHONIOENCODING") or environ.get("PYTHONUTF8"):
        return stream.encoding
    import locale  # noqa: PLC0415  start-up time: only in UTF-8 mode

    encoding = locale.getencoding()
    return stream.encoding if encoding.upper() in ("ANSI_X3.4-1968", "US-ASCII", "ASCII") else encoding
