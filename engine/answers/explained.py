"""Answers of `explain`: what a diagnostic code means, and which keys a job file may have."""

import re
from typing import Final

from engine.core.columns import facts
from jobfile.diagnostics.diagnostic import CODES
from jobfile.model.namedtuple import NamedTuple
from jobfile.pages import page_text
from jobfile.pages.keys import Key, keys_of


class Page(NamedTuple):
    """The meaning of a code: in a few words, and in full with examples."""

    code: str
    severity: str
    says: str
    text: str


def page_of(code: str) -> Page:
    """The page of an existing code."""
    one = CODES[code]
    return Page(code=code, severity=one.severity.value, says=one.says, text=page_text(code) or "")


_FENCE: Final = re.compile(r"```.*")


def page_to_text(page: Page) -> str:
    """A page as text for a terminal: examples are indented, without Markdown's marks."""
    lines = []
    is_example = False
    for line in page.text.rstrip("\n").split("\n"):
        if _FENCE.fullmatch(line):
            is_example = not is_example
        else:
            lines.append(f"    {line}".rstrip() if is_example else line.removeprefix("# "))
    return "\n".join(lines)


def page_to_json(page: Page) -> dict[str, object]:
    """A page as JSON data."""
    return {"format": 1, **_about(page.code), "page": page.text}


def codes_to_text() -> str:
    """All codes as text: a line for each."""
    return "\n".join(f"{code}  {one.severity.value:<7}  {one.says}" for code, one in CODES.items())


def codes_to_json() -> dict[str, object]:
    """All codes as JSON data."""
    return {"format": 1, "codes": [_about(code) for code in CODES]}


def keys_to_text(kind: str, *, width: int) -> str:
    """The keys of a kind of map as text: the meaning, form, default, values and an example of each."""
    rows = []
    for one in keys_of(kind):
        default = ", required" if one.is_required else f"; default: {one.default}" if one.default else ""
        rows += [(one.name, one.means), ("", one.type + default)]
        rows += [("", f"- {value}{f': {means}' if means else ''}") for value, means in one.values]
        rows += [("", one.example), ("", "")]
    return facts(rows[:-1], width=width)


def keys_to_json(kind: str) -> dict[str, object]:
    """The keys of a kind of map, as JSON data."""
    return {"format": 1, "kind": kind, "keys": [_key(one) for one in keys_of(kind)]}


def _key(one: Key) -> dict[str, object]:
    return {
        "key": one.name,
        "means": one.means,
        "type": one.type,
        "default": one.default or None,
        "values": [{"value": value, "means": means or None} for value, means in one.values],
        "example": one.example,
        "required": one.is_required,
        "more": one.more,
    }


def _about(code: str) -> dict[str, str]:
    one = CODES[code]
    return {"code": code, "severity": one.severity.value, "says": one.says}
