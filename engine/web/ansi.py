"""Lines of an output as text with colours: each part has classes of the stylesheet, nothing else."""

from collections.abc import Iterator, Mapping
from typing import Final

from engine.execution.output_text import NeutralText
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

MAX_SHOWN: Final = 4_000
"""Maximum number of characters that are shown of a line."""
_COLOUR: Final = regex("\x1b\\[([0-9;:]*)m")
_NAMES: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_STYLES: Final[Mapping[int, str]] = {1: "bold", 2: "dim", 3: "italic", 4: "underline"}
_ENDS: Final[Mapping[int, tuple[str, ...]]] = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",)}
_RANGES: Final = ((30, "text", ""), (90, "text", ""), (40, "back", "on-"), (100, "back", "on-"))
"""The codes of the first of eight colours: as text, bright text, background and bright background."""
_EXTENDED: Final = (38, 48)
_PALETTE, _DIRECT = 5, 2


class Part(NamedTuple):
    """A part of a line that looks the same."""

    classes: str
    text: str


def parts_of(line: bytes) -> tuple[Part, ...]:
    """The parts of a line of output. A line with carriage returns shows all the texts between them."""
    neutral = NeutralText(has_colour=True)
    text = neutral.feed(line) + neutral.rest()
    return tuple(_parts(text))


def plain_text(line: bytes) -> str:
    """A line of output without its colours."""
    return "".join(part.text for part in parts_of(line))


def _parts(text: str) -> Iterator[Part]:
    look: dict[str, str] = {}
    left = MAX_SHOWN
    at = 0
    for found in [*_COLOUR.finditer(text), None]:
        part = text[at : found.start() if found else len(text)]
        if part:
            cut = part[:left]
            left -= len(cut)
            yield Part(" ".join(f"ansi-{one}" for one in look.values()), cut)
            if len(cut) < len(part):
                yield Part("ansi-dim", "… the rest of this line is left out here")
                return
        if found:
            at = found.end()
            _apply(look, [int(one) if one and len(one) < 4 else 0 for one in _codes(found[1])])


def _codes(text: str) -> list[str]:
    return text.replace(":", ";").split(";")


def _apply(look: dict[str, str], codes: list[int]) -> None:
    """Change what the next text looks like."""
    while codes:
        code = codes.pop(0)
        if code == 0:
            look.clear()
        elif code in _STYLES:
            look[_STYLES[code]] = _STYLES[code]
        elif code in _ENDS:
            for name in _ENDS[code]:
                look.pop(name, None)
        elif code in _EXTENDED:
            _extended(look, "text" if code == _EXTENDED[0] else "back", codes)
        elif code in (39, 49):
            look.pop("text" if code == 39 else "back", None)
        else:
            _plain_colour(look, code)


def _plain_colour(look: dict[str, str], code: int) -> None:
    """One of the 16 colours: as text from 30 and 90 on, as background from 40 and 100 on."""
    for start, kind, prefix in _RANGES:
        if start <= code < start + len(_NAMES):
            look[kind] = prefix + _NAMES[code - start]


def _extended(look: dict[str, str], kind: str, codes: list[int]) -> None:
    """A colour of the palette: the first 16, which have names. All others are shown without a colour."""
    form = codes.pop(0) if codes else 0
    if form == _PALETTE and codes:
        number = codes.pop(0)
        if number < 2 * len(_NAMES):
            name = _NAMES[number % len(_NAMES)]
            look[kind] = f"on-{name}" if kind == "back" else name
    elif form == _DIRECT:
        del codes[:3]
