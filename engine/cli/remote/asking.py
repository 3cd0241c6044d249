"""Asks a server and prints its answer as the command would."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click

from engine.cli.exit_codes import GOOD
from engine.cli.output import row_width, style_of
from engine.client.http import ANSWER_SECONDS, Answer, Connection
from engine.client.server import ServerError, parse_address, token_of
from engine.core.errors import ErrorCode
from engine.execution.output_text import NeutralText
from engine.host.environment import environment
from jobfile.diagnostics.escapes import message, printable
from jobfile.model.regex import regex

REPEAT_SECONDS: Final = 3.0
"""How long a request is repeated while the server does not answer: as long as it takes to start again."""
PARTIAL: Final = 206
UNSATISFIABLE: Final = 416
_JOB: Final = regex(r"[a-z][a-z0-9_-]{0,62}")
_RUN: Final = regex(r"[0-9a-f]{4,32}")
_NOT_HERE: Final = (ErrorCode.UNKNOWN_JOB, ErrorCode.UNKNOWN_RUN, ErrorCode.SERVER_REFUSED)
Query = Sequence[tuple[str, str]]


class Remote:
    """A server, for one command."""

    def __init__(self, server: str) -> None:
        """Connect to nothing yet."""
        token = token_of(environment())
        self.connection = Connection(
            parse_address(server), token=token, wait_seconds=REPEAT_SECONDS, on_answer=self._hear
        )
        self._warnings: dict[str, None] = {}

    def _hear(self, answer: Answer) -> None:
        self._warnings |= dict.fromkeys(_texts_in(answer, "jobfile-warnings"))

    def say_warnings(self) -> None:
        """Print on standard error what the answers have warned about, each once."""
        for one in self._warnings:
            click.echo(one, err=True)

    def get(
        self,
        path: str,
        query: Query = (),
        *,
        as_json: bool = True,
        seconds: float = 0.0,
        known_as: str = "",
    ) -> Answer:
        """An answer. With `seconds`, the server waits for it to be final, or to differ from `known_as`."""
        waits = [("wait", f"{seconds:.0f}s")] if seconds else []
        headers = {"Accept": _accept(as_json=as_json), **({"If-None-Match": known_as} if known_as else {})}
        known = (304,) if known_as else ()
        silent = ANSWER_SECONDS + seconds
        return self.connection.ask(
            "GET", path, query=[*query, *waits], headers=headers, known=known, silent_seconds=silent
        )

    def post(
        self,
        path: str,
        body: Mapping[str, object],
        *,
        as_json: bool = True,
        is_safe: bool = False,
    ) -> Answer:
        """The answer to a request that changes something; `is_safe` if it may arrive twice."""
        headers = {"Accept": _accept(as_json=as_json)}
        return self.connection.ask("POST", path, body=body, headers=headers, is_safe=is_safe)

    def get_of(self, text: str, rest: str, query: Query = (), *, as_json: bool = True) -> Answer:
        """An answer about a job, or about a run that is named by the beginning of its id."""
        return self._first(text, list(_paths_of(text, rest, rest)), query, as_json=as_json)

    def get_definition(self, text: str, *, as_json: bool) -> Answer:
        """The definition of a job, or the one that a run used."""
        return self._first(text, list(_paths_of(text, "", "/show")), (), as_json=as_json)

    def _first(self, text: str, paths: Sequence[str], query: Query, *, as_json: bool) -> Answer:
        """The answer at the first of these paths that has one."""
        for number, path in enumerate(paths, start=1):
            try:
                return self.get(path, query, as_json=as_json)
            except ServerError as error:
                if number == len(paths) or error.code not in _NOT_HERE:
                    raise
        raise unknown(text)

    def show(self, path: str, query: Query = (), *, as_json: bool) -> int:
        """Print an answer; return its exit code."""
        return printed(self.get(path, query, as_json=as_json), as_json=as_json)

    def show_of(self, text: str, rest: str, query: Query = (), *, as_json: bool) -> int:
        """Print an answer about a job or a run; return its exit code."""
        return printed(self.get_of(text, rest, query, as_json=as_json), as_json=as_json)


def printed(answer: Answer, *, as_json: bool) -> int:
    """Print an answer; return its exit code. What comes over the network cannot steer a terminal."""
    if not as_json:
        say_notes(answer)
    write_text(answer.body)
    return exit_code_of(answer)


def write_text(body: bytes) -> None:
    """Print a text; in a pipe as it came."""
    if not sys.stdout.isatty():
        click.echo(body, nl=False)
        return
    text = NeutralText(has_colour=style_of().is_coloured)
    click.echo(text.feed(body) + text.rest(), nl=False, color=True)


def notes_of(answer: Answer) -> list[str]:
    """What the command says beside the answer."""
    return _texts_in(answer, "jobfile-notes")


def _texts_in(answer: Answer, header: str) -> list[str]:
    try:
        found = json.loads(answer.headers.get(header, "[]"))
    except ValueError:
        return []
    return [message(str(one)) for one in found] if isinstance(found, list) else []


def say_notes(answer: Answer) -> None:
    """Print them on standard error."""
    for one in notes_of(answer):
        click.echo(one, err=True)


def exit_code_of(answer: Answer) -> int:
    """The exit code of the command."""
    text = answer.headers.get("jobfile-exit-code", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else GOOD


def mapping_of(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer."""
    found = answer.json
    if not isinstance(found, dict):
        text = "the server's answer is not JSON; look at the address"
        raise ServerError(text, code=ErrorCode.SERVER_REFUSED)
    return found


def job_path(job: str, rest: str = "") -> str:
    """The path of a job."""
    if _JOB.fullmatch(job) is None:
        raise unknown(job)
    return f"/jobs/{job}{rest}"


def is_run(text: str) -> bool:
    """Whether a text may be the beginning of a run's id."""
    return _RUN.fullmatch(text.lower()) is not None


def run_path(run: str, rest: str = "") -> str:
    """The path of a run."""
    if not is_run(run):
        text = f"`{printable(run)}` is not the beginning of a run's id, which has at least 4 characters"
        raise ServerError(text, code=ErrorCode.UNKNOWN_RUN)
    return f"/runs/{run.lower()}{rest}"


def unknown(text: str) -> ServerError:
    """The error for a text that can be the name of nothing."""
    return ServerError(f"there is no job and no run `{printable(text)}`", code=ErrorCode.UNKNOWN_JOB)


def pairs(**given: object) -> list[tuple[str, str]]:
    """The parameters that were given: several of a tuple, `true` for a flag."""
    found: list[tuple[str, str]] = []
    for name, value in given.items():
        match value:
            case None | False:
                continue
            case True:
                found.append((name, "true"))
            case tuple() | list():
                found += [(name, str(one)) for one in value]
            case _:
                found.append((name, str(value)))
    return found


def _paths_of(text: str, of_job: str, of_run: str) -> Iterator[str]:
    if _JOB.fullmatch(text):
        yield f"/jobs/{text}{of_job}"
    if _RUN.fullmatch(text.lower()):
        yield f"/runs/{text.lower()}{of_run}"


def _accept(*, as_json: bool) -> str:
    if as_json:
        return "application/json"
    columns = row_width()
    size = "" if columns is None else f"; columns={columns}"
    return f"text/plain{size}{'; colour=yes' if style_of().is_coloured else ''}"
