"""Names in whatever bytes, as text that UTF-8 can hold."""

import codecs

READABLE = "readable"
"""An error handler of codecs: what an encoding does not have is written as an escape, never refused."""


def readable(text: str) -> str:
    """A text as UTF-8 can hold it: a byte of a name that is not UTF-8 becomes an escape, as in `gr\\xf6n`."""
    return text if text.isascii() else text.encode("utf-8", READABLE).decode()


def _escaped(error: UnicodeError) -> tuple[str, int]:
    """Python holds such a byte as a surrogate, U+DC80 to U+DCFF: os.fsdecode()."""
    assert isinstance(error, UnicodeEncodeError)
    part = error.object[error.start : error.end]
    escapes = (
        f"\\x{ord(one) - 0xDC00:02x}" if "\udc80" <= one <= "\udcff" else ascii(one)[1:-1] for one in part
    )
    return "".join(escapes), error.end


codecs.register_error(READABLE, _escaped)
