"""One encoding for names, whatever the locale: UTF-8, and bytes that are not UTF-8 come back as they were."""

import io
import os
import sys
from collections.abc import Mapping

from jobfile.diagnostics.escapes import READABLE


def use_utf8() -> None:
    """Restart in UTF-8 mode if the locale has a different encoding: the file is UTF-8, the supervisors are,
    and one folder must have one name for all of them.
    """
    is_utf8 = sys.getfilesystemencoding() == "utf-8"
    if not is_utf8 and sys.executable and not sys.flags.utf8_mode:
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])  # noqa: S606  this program again


def print_anything(environ: Mapping[str, str]) -> None:
    """Print in the terminal's encoding; what that does not have is printed as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=_encoding(stream, environ), errors=READABLE)


def _encoding(stream: io.TextIOWrapper, environ: Mapping[str, str]) -> str:
    """UTF-8 mode looks at no locale. Without one, as under cron and in containers, UTF-8 is meant."""
    if not sys.flags.utf8_mode or environ.get("PYTHONIOENCODING") or environ.get("PYTHONUTF8"):
        return stream.encoding
    import locale  # noqa: PLC0415  start-up time: only in UTF-8 mode

    encoding = locale.getencoding()
    return stream.encoding if encoding.upper() in ("ANSI_X3.4-1968", "US-ASCII", "ASCII") else encoding
