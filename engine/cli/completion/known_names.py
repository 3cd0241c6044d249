"""The names in a folder, found fast and without errors: job files are searched line by line and not parsed.

A file that is being edited is often invalid, and parsing takes longer than a user waits for a completion.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any, Final

from engine.cli.completion.candidates import Candidate, KnownParam
from engine.config import find_main_file
from engine.core.errors import JobfileError
from jobfile.diagnostics.escapes import printable

if TYPE_CHECKING:
    from engine.ledger.ports import View
    from jobfile.model.jobs import ParamSpec

MAX_BYTES: Final = 4 * 1024 * 1024
"""Maximum size of all files that are searched."""
MAX_FILES: Final = 500
"""Maximum number of included files that are searched."""
MAX_RUNS: Final = 50
"""Maximum number of runs that are offered."""
MAX_DESCRIBED: Final = 40
"""Maximum number of lines of a job that are searched for its description."""
MAX_JOB_LINES: Final = 2_000
"""Maximum number of lines of a job that are parsed for its params."""

_KEY: Final = re.compile(
    r"""(?P<indent> *)(?P<quote>["']?)(?P<key>[\w-]+)(?P=quote) *:(?: +(?P<value>.*))?"""
)
_TOKEN: Final = re.compile(
    r"""(?P<open>[{\[])|(?P<close>[}\]])|(?P<part>,)|["']?(?P<key>[\w-]+)["']?\s*:(?=\s)|"[^"\n]*"|'[^'\n]*'"""
)
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,62}")
MIN_PREFIX: Final = 4
"""Minimum number of characters of a run's id that are searched for among all runs."""
OPEN_ONLY: Final = ("cancel", "wait")
"""Commands about runs that are not over."""


class NamesHere:
    """The names in one place: those of its job files, and those of its ledger."""

    def __init__(self, file: str | None, state: str | None, store: str | None) -> None:
        """Read nothing yet. The values are those of -f, --state and --store."""
        self._file = file
        self._state = state
        self._store = store

    def jobs(self) -> Iterator[Candidate]:
        """The jobs of the file; without a file, those of the ledger."""
        found = [
            Candidate(name, _described(block))
            for text in self._texts
            for name, block in jobs_in(text).items()
        ]
        yield from found or (Candidate(one.job) for one in (self._view.jobs_in_force() if self._view else ()))

    def runs(self, command: str, prefix: str) -> Iterator[Candidate]:
        """The runs that a command can be about, the newest first."""
        from engine.asking.place import Place  # noqa: PLC0415  start-up time: only for names of the ledger
        from engine.core.vocabulary import SHORT_ID  # noqa: PLC0415  start-up time: only for runs

        is_open = True if command in OPEN_ONLY else False if command == "retry" else None
        searched = prefix if len(prefix) >= MIN_PREFIX else ""
        try:
            found = Place.named(self._file, self._state, self._store).newest_runs(
                is_open=is_open, prefix=searched, limit=MAX_RUNS
            )
        except JobfileError:
            return
        for run, job, state in found:
            digits = SHORT_ID if len(prefix) <= SHORT_ID else len(run)
            yield Candidate(run[:digits], f"{job}, {state}")

    def hosts(self) -> Iterator[Candidate]:
        """The hosts on the ledger, if it is in a server."""
        from engine.asking.place import Place  # noqa: PLC0415  start-up time: only for names of the ledger

        try:
            found = Place.named(self._file, self._state, self._store).host_names()
        except JobfileError:
            return
        yield from map(Candidate, found)

    def params(self, job: str) -> Iterator[KnownParam]:
        """The params of a job, from its lines in the file, else from its definition in the ledger."""
        blocks = (jobs_in(text).get(job) for text in self._texts)
        block = next((one for one in blocks if one is not None), None)
        params = [] if block is None else list(params_in(block))
        yield from params or self._params_in_force(job)

    def tags(self) -> list[str]:
        """The tags in the files."""
        return sorted({word for text in self._texts for word in values_in(text, "tags")})

    def owners(self) -> list[str]:
        """The owners in the files."""
        return sorted({word for text in self._texts for word in values_in(text, "owner")})

    @cached_property
    def _texts(self) -> Sequence[str]:
        main = find_main_file(self._file, here=Path.cwd())
        texts, room = [], MAX_BYTES
        for path in _with_included(main):
            content = _content(path, room)
            room -= len(content)
            texts.append(content.decode("utf-8", "replace"))
        return texts

    @cached_property
    def _view(self) -> "View | None":
        from engine.asking.place import Place  # noqa: PLC0415  start-up time: only for names of the ledger

        try:
            return Place.named(self._file, self._state, self._store).trace_free_view()
        except JobfileError:
            return None

    def _params_in_force(self, job: str) -> Iterator[KnownParam]:
        version = self._view.job_in_force(job) if self._view else None
        text = self._view.definition_text(version.digest) if self._view and version else None
        if text is None:
            return
        from jobfile.model.canonical import spec_from_json  # noqa: PLC0415  start-up time: only for params

        yield from known_params(spec_from_json(text).params)


def known_params(params: "Iterable[ParamSpec]") -> Iterator[KnownParam]:
    """The params of a compiled job."""
    for one in params:
        words = ("true", "false") if one.type == "boolean" else tuple(map(str, one.enum))
        yield KnownParam(one.name, printable(one.description or one.type.value), words)


def jobs_in(text: str) -> dict[str, list[str]]:
    """The jobs of a file, each with its lines: the keys one level below `jobs:`."""
    found: dict[str, list[str]] = {}
    indent, block, is_inside = 0, [""], False
    for line in text.splitlines():
        key = _KEY.match(line)
        if line[:1] not in (" ", "#", "") and line[:1] != "\t":
            is_inside, indent = key is not None and key["key"] == "jobs", 0
            if is_inside and key is not None and (key["value"] or "").startswith("{"):
                return _in_flow(text[text.index(line) + key.start("value") :])
        elif is_inside and key is not None and len(key["indent"]) == (indent or len(key["indent"])):
            indent = len(key["indent"])
            block = [key["value"] or ""]
            if _NAME.fullmatch(key["key"]):
                found[key["key"]] = block
        elif is_inside:
            block.append(line)
    return found


def params_in(block: Sequence[str]) -> Iterator[KnownParam]:
    """The params of a job, of which these are the lines; none if they cannot be read."""
    tree = (
        _read("job: " + "\n".join(block)) if block[0].strip()[:1] == "{" else _read(_part_of(block, "params"))
    )
    job = tree.get("job") if tree else None
    params = (job if isinstance(job, dict) else tree or {}).get("params")
    for name, param in params.items() if isinstance(params, dict) else ():
        about = param if isinstance(param, dict) else {}
        values = about.get("enum") if isinstance(about.get("enum"), list) else []
        kind = str(about.get("type") or "")
        words = ("true", "false") if kind == "boolean" else tuple(map(str, values or ()))
        yield KnownParam(name, str(about.get("description") or kind), words)


def _part_of(block: Sequence[str], key: str) -> str:
    """A key of a job with the lines below it, moved to the left."""
    kept: list[str] = []
    for line in block[1:MAX_JOB_LINES]:
        found = _KEY.match(line)
        if found is not None and not kept:
            kept = [line] if found["key"] == key else []
        elif kept and line.strip() and len(line) - len(line.lstrip()) <= len(kept[0]) - len(kept[0].lstrip()):
            break
        elif kept:
            kept.append(line)
    return dedent("\n".join(kept))


def _in_flow(text: str) -> dict[str, list[str]]:
    """The jobs in the form `{a: {run: b}, c: …}`, each with its text, as far as there are brackets."""
    found: dict[str, list[str]] = {}
    depth, name, begin = 0, "", 0
    for token in _TOKEN.finditer(text):
        if token["open"]:
            depth += 1
        elif token["close"]:
            depth -= 1
        is_end = depth == (1 if token["part"] else 0)
        if is_end and name:
            found[name] = [text[begin : token.start()].strip()]
            name = ""
        if depth == 1 and token["key"] and _NAME.fullmatch(token["key"]):
            name, begin = token["key"], token.end()
        if not depth and token["close"]:
            break
    return found


def _read(text: str) -> dict[str, Any] | None:
    from jobfile.syntax.document import PARSER, read_quickly  # noqa: PLC0415  start-up time: only for params

    return read_quickly(text, PARSER)


def values_in(text: str, key: str) -> Iterator[str]:
    """The words that a key has anywhere in a file: after it, in a list after it, or in the lines below."""
    is_below = False
    for line in text.splitlines():
        item = re.match(r"\s*- +(.*)", line) if is_below else None
        if item is not None:
            yield from _words(item[1])
            continue
        found = re.search(
            rf"""(?:^\s*|[{{,]\s*)["']?{key}["']? *:(?: +(\[[^]]*\]?|[^,}}#]*))?\s*(.*)$""", line
        )
        is_below = found is not None and not (found[1] or "").strip()
        if found is not None and found[1]:
            yield from _words(found[1])


def _words(text: str) -> Iterator[str]:
    yield from (word for part in text.strip("[] ").split(",") if (word := part.strip().strip("\"'")))


def _described(block: Sequence[str]) -> str:
    """The description of a job, of which these are the lines."""
    lines = (re.match(r"""\s+description: +["']?(.*?)["']?\s*$""", line) for line in block[:MAX_DESCRIBED])
    return next((printable(found[1]) for found in lines if found is not None), "")


def _with_included(main: Path) -> Iterator[Path]:
    """The main file, and the files that it seems to include."""
    yield main
    for pattern in values_in(_content(main, MAX_BYTES).decode("utf-8", "replace"), "include"):
        if pattern and not pattern.startswith("/") and ".." not in pattern.split("/"):
            yield from islice((path for path in main.parent.glob(pattern) if path != main), MAX_FILES)


def _content(path: Path, room: int) -> bytes:
    """The content of a file; nothing if it is no file, too large, or cannot be read."""
    try:
        return path.read_bytes() if path.is_file() and path.stat().st_size <= room else b""
    except OSError:
        return b""
