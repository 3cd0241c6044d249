"""Files of sections and settings: units of systemd, configurations of Ofelia."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from jobfile.foreign.foreign_text import ForeignText

_HEADER: Final = re.compile(r"\[([^\[\]]+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A section: its name, its place, and its settings in their order; a key can be there several times."""

    name: str
    place: tuple[int, int]
    settings: tuple[tuple[str, str], ...] = ()

    def all(self, key: str) -> list[str]:
        """Every value of a key; an empty one removes those before it, as in systemd."""
        found: list[str] = []
        for name, value in self.settings:
            if name == key:
                found = [*found, value] if value else []
        return found

    def get(self, key: str) -> str:
        """The last value of a key, or an empty text."""
        return (self.all(key) or [""])[-1]


def first_section(given: ForeignText) -> Section | None:
    """The section with which the file begins, without its settings."""
    line = given.lines[0] if given.lines else None
    found = _HEADER.fullmatch(line.text) if line is not None else None
    if line is None or found is None:
        return None
    return Section(name=found[1].strip(), place=(line.start, line.start + len(line.text)))


def sections(given: ForeignText) -> Iterator[Section]:
    """Every section with its settings."""
    name, place = "", (0, 0)
    settings: list[tuple[str, str]] = []
    for start, text in _whole_lines(given):
        header = _HEADER.fullmatch(text)
        if header is None:
            key, _, value = text.partition("=")
            settings.append((key.strip(), value.strip()))
            continue
        if name:
            yield Section(name=name, place=place, settings=tuple(settings))
        name, place, settings = header[1].strip(), (start, start + len(text)), []
    if name:
        yield Section(name=name, place=place, settings=tuple(settings))


def _whole_lines(given: ForeignText) -> Iterator[tuple[int, str]]:
    """The lines; one that ends with a backslash continues in the next."""
    start, parts = 0, list[str]()
    for line in given.lines:
        start = start if parts else line.start
        parts.append(line.text.removesuffix("\\").rstrip())
        if not line.text.endswith("\\"):
            yield start, " ".join(parts)
            parts = []


def section_of(given: ForeignText, name: str) -> Section:
    """The settings of all sections with this name."""
    found = [setting for one in sections(given) if one.name == name for setting in one.settings]
    return Section(name=name, place=(0, 0), settings=tuple(found))
