"""Decides what fits the end of a command line. Knows no shell, and loads no command: that would be slow."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from engine.cli.main import COMMANDS
from jobfile.model.namedtuple import NamedTuple

OPTIONS_FILE: Final = Path(__file__).parent / "options.json"
"""The options of all commands, as a test reads them from the commands: `pytest --update` writes it."""

FILES: Final = ":files"
FOLDERS: Final = ":folders"
"""Instead of candidates: the shell offers files, or folders."""

_SAFE: Final = re.compile(r"[\w.,:/@%+=-]*", re.ASCII)
"""What no shell reads as anything but text. Other values are not offered, so nothing has to be quoted."""
_RUN: Final = re.compile(r"[0-9a-f]*")
"""The beginning of a run's id. Beside names of jobs, runs are offered if one was begun, or by `retry`."""
_WORD: Final = re.compile(r"[A-Za-z]+")
_WORDS: Final[Mapping[str, Sequence[str]]] = {
    "TIME": ("now", "today", "yesterday", "1h", "24h", "7d"),
    "DAY": ("today", "yesterday"),
    "LENGTH": ("30s", "5m", "1h", "1d"),
    "SIDE": ("engine", "worktree"),
    **dict.fromkeys(("FILE", "PLAN"), (FILES,)),
    "DIR": (FOLDERS,),
}
"""What is offered for a value of this name."""
SERVER_OPTION: Final = "--server"
_AT_GROUP: Final = ("--help", "--version", SERVER_OPTION)


class Candidate(NamedTuple):
    """A word that fits the end of the line, and what it means."""

    value: str
    about: str = ""


class KnownParam(NamedTuple):
    """A param of a job, with its values if it has few."""

    name: str
    about: str
    values: tuple[str, ...]


class Known(Protocol):
    """The names in a folder. What cannot be read is unknown, and no error."""

    def jobs(self) -> Iterable[Candidate]:
        """The jobs of the file; without a file, those of the ledger."""

    def runs(self, command: str, prefix: str) -> Iterable[Candidate]:
        """The runs that a command can be about, the newest first."""

    def params(self, job: str) -> Iterable[KnownParam]:
        """The params of a job."""

    def hosts(self) -> Iterable[Candidate]:
        """The hosts on the ledger."""

    def tags(self) -> Iterable[str]:
        """The tags in the files."""

    def owners(self) -> Iterable[str]:
        """The owners in the files."""


class _Line(NamedTuple):
    """A command line up to the current word."""

    server: str
    """What --server names, before the command."""
    command: str
    arguments: list[str]
    options: Mapping[str, str]
    """The values of the options that were given, by the first name of each."""
    awaiting: Mapping[str, Any] | None
    """The option whose value is the current word."""
    only_arguments: bool


class Whereabouts(NamedTuple):
    """Where the names of a command line are: at a server, or where -f, --state and --store say."""

    command: str
    server: str
    file: str | None
    state: str | None
    store: str | None


def complete(words: Sequence[str], known: Callable[[Whereabouts], Known]) -> list[Candidate]:
    """What fits the last of the words, which may be empty; the words begin behind `jobfile`."""
    *before, current = words or ("",)
    line = _read(before)
    if line.command not in COMMANDS:
        offered: Iterable[Candidate] = _commands(current) if not line.command else ()
        return _fitting(offered, current)
    names = known(
        Whereabouts(line.command, line.server, *map(line.options.get, ("-f", "--state", "--store")))
    )
    if line.awaiting is not None:
        return _fitting(_values(line, line.awaiting, current, names), current)
    if not line.only_arguments and current.startswith("-"):
        name, equals, value = current.partition("=")
        option = _option_named(line.command, name)
        if equals and option is not None and option["value"]:
            found = _fitting(_values(line, option, value, names), value)
            return [
                Candidate(f"{name}={one.value}", one.about)
                for one in found
                if one.value not in (FILES, FOLDERS)
            ]
        return _fitting(_options(line), current)
    return _fitting(_arguments(line, current, names), current)


def _read(words: Sequence[str]) -> _Line:
    server, command, arguments, options = "", "", [], {}
    awaiting, only_arguments, is_server = None, False, False
    for word in words:
        if is_server:
            server, is_server = word, False
        elif not command and word.partition("=")[0] == SERVER_OPTION:
            server, is_server = word.partition("=")[2], "=" not in word
        elif awaiting is not None:
            options[awaiting["names"][0]] = word
            awaiting = None
        elif not command:
            command = "" if word.startswith("-") else word
        elif only_arguments or not word.startswith("-") or word == "-":
            arguments.append(word)
        elif word == "--":
            only_arguments = True
        else:
            name, equals, value = word.partition("=")
            option = _option_named(command, name)
            if option is None:
                continue
            options[option["names"][0]] = value
            awaiting = option if option["value"] and not equals else None
    if is_server:
        command = SERVER_OPTION  # its value is being typed: nothing fits
    return _Line(server, command, arguments, options, awaiting, only_arguments)


def _table(command: str) -> Mapping[str, Any]:
    """The arguments and the options of a command."""
    return _tables().get(command, {"arguments": [], "options": []})


@cache
def _tables() -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = json.loads(OPTIONS_FILE.read_text())
    return found


def _option_named(command: str, name: str) -> Mapping[str, Any] | None:
    return next((one for one in _table(command)["options"] if name in one["names"]), None)


def _commands(current: str) -> Iterator[Candidate]:
    if current.startswith("-"):
        yield from map(Candidate, _AT_GROUP)
    else:
        yield from (Candidate(name, about) for name, about in COMMANDS.items())


def _options(line: _Line) -> Iterator[Candidate]:
    """The options that can still be given, by their long names."""
    for option in _table(line.command)["options"]:
        if option["repeatable"] or option["names"][0] not in line.options:
            yield Candidate(option["names"][-1], option["about"])
    yield Candidate("--help", "Show the help of this command.")


def _arguments(line: _Line, current: str, known: Known) -> Iterator[Candidate]:
    kinds = _table(line.command)["arguments"]
    if not kinds:
        return
    kind = kinds[min(len(line.arguments), len(kinds) - 1)]
    if len(line.arguments) < len(kinds) or kind["repeatable"]:
        yield from _of_kinds(line, kind["value"], current, known)


def _values(line: _Line, option: Mapping[str, Any], current: str, known: Known) -> Iterator[Candidate]:
    if "-p" in option["names"]:
        return _params(line, current, known)
    return _of_kinds(line, option["value"], current, known)


def _of_kinds(line: _Line, kinds: str | list[str], current: str, known: Known) -> Iterator[Candidate]:
    """The values of an option or argument: a list of words, or what its name means: `RUN or JOB`."""
    if isinstance(kinds, list):
        yield from map(Candidate, kinds)
        return
    for kind in _WORD.findall(kinds):
        if kind in _WORDS:
            yield from map(Candidate, _WORDS[kind])
        elif (
            kind == "RUN"
            and _RUN.fullmatch(current)
            and (current or "JOB" not in kinds or line.command == "retry")
        ):
            yield from known.runs(line.command, current)
        elif kind == "STATE":
            yield from _states(current)
        elif kind in ("JOB", "TAG", "OWNER", "HOST"):
            yield from _names(kind, known)
        else:
            yield from _of_the_language(kind, line.arguments)


def _names(kind: str, known: Known) -> Iterable[Candidate]:
    if kind == "JOB":
        return known.jobs()
    if kind == "HOST":
        return known.hosts()
    return map(Candidate, known.tags() if kind == "TAG" else known.owners())


def _of_the_language(kind: str, arguments: Sequence[str]) -> Iterator[Candidate]:
    if kind == "ZONE":
        from jobfile.schedule.zones import zone_names  # noqa: PLC0415  start-up time: only for zones

        yield from map(Candidate, sorted(zone_names()))
    elif kind == "CODE" and not arguments:
        from jobfile.diagnostics.diagnostic import CODES  # noqa: PLC0415  start-up time: only for codes

        yield from (Candidate(code, about.says) for code, about in CODES.items())
    elif kind == "keys" and not arguments:
        yield Candidate("keys", "the keys of a job file")
    elif kind == "KIND" and arguments == ["keys"]:
        from jobfile.pages.keys import KINDS  # noqa: PLC0415  start-up time: only for kinds

        yield from map(Candidate, KINDS)


def _states(current: str) -> Iterator[Candidate]:
    """States behind those that were typed already: `failed,lo`."""
    from engine.core.lifecycle import RunState  # noqa: PLC0415  start-up time: only for states

    typed, comma, _ = current.rpartition(",")
    given = typed.split(",")
    yield from (Candidate(f"{typed}{comma}{one.value}") for one in RunState if one.value not in given)


def _params(line: _Line, current: str, known: Known) -> Iterator[Candidate]:
    """`name=` of each param of the chosen job, or the values of the one that was typed."""
    if not line.arguments:
        return
    name, equals, _ = current.partition("=")
    for param in known.params(line.arguments[0]):
        if not equals:
            yield Candidate(f"{param.name}=", param.about)
        elif param.name == name:
            yield from (Candidate(f"{name}={value}") for value in param.values)


def _fitting(offered: Iterable[Candidate], current: str) -> list[Candidate]:
    """The candidates that begin with what was typed, each once."""
    fitting: dict[str, Candidate] = {}
    for one in offered:
        if one.value in (FILES, FOLDERS) or (one.value.startswith(current) and _SAFE.fullmatch(one.value)):
            fitting.setdefault(one.value, one)
    if FILES in fitting:
        fitting.pop(FOLDERS, None)  # a shell that offers files offers folders too
    return list(fitting.values())
