"""The names at a server: few quick requests, and no error. A user who types waits for the answer."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from engine.cli.completion.candidates import Candidate, KnownParam
from engine.cli.completion.known_names import MAX_RUNS, OPEN_ONLY, known_params
from engine.client.http import Connection
from engine.client.server import parse_address, token_of
from engine.core.errors import JobfileError
from engine.core.lifecycle import RunState
from engine.core.vocabulary import SHORT_ID
from engine.host.environment import environment
from jobfile.diagnostics.escapes import printable
from jobfile.model.canonical import canonical_json, spec_from_json

SECONDS: Final = 2.0
"""How long the server may take to connect, and then to answer."""
MAX_JOBS: Final = 1_000
"""Maximum number of jobs that are offered."""
_NONSENSE: Final = (JobfileError, KeyError, TypeError, ValueError, AttributeError, AssertionError)
"""What goes wrong with a server that is away, refuses, or is of another program."""


class NamesThere:
    """Implements `Known` for a server."""

    def __init__(self, server: str) -> None:
        """Ask nothing yet."""
        self._server = server

    def jobs(self) -> Iterator[Candidate]:
        for one in self._jobs:
            yield Candidate(str(one["job"]), printable(str(one.get("title") or "")))

    def runs(self, command: str, prefix: str) -> Iterator[Candidate]:
        wanted = None if command not in (*OPEN_ONLY, "retry") else command in OPEN_ONLY
        states = [one.value for one in RunState if wanted in (None, not one.is_final)]
        query = [("limit", str(MAX_RUNS)), ("order", "recorded"), ("in", ",".join(states))]
        for one in self._list("/runs", "runs", query):
            run = str(one["id"])
            digits = SHORT_ID if len(prefix) <= SHORT_ID else len(run)
            yield Candidate(run[:digits], printable(f"{one['job']}, {one['state']}"))

    def params(self, job: str) -> Iterator[KnownParam]:
        if not any(one["job"] == job for one in self._jobs):
            return
        plain = self._ask(f"/jobs/{job}", ())
        try:
            spec = spec_from_json(canonical_json(plain["job"]))
        except _NONSENSE:
            return
        yield from known_params(spec.params)

    def hosts(self) -> Iterator[Candidate]:
        for one in self._list("/hosts", "hosts", ()):
            yield Candidate(str(one["name"]))

    def tags(self) -> list[str]:
        return sorted({str(tag) for one in self._jobs for tag in one.get("tags") or ()})

    def owners(self) -> list[str]:
        return sorted({str(one["owner"]) for one in self._jobs if one.get("owner")})

    @cached_property
    def _jobs(self) -> list[dict[str, Any]]:
        return self._list("/jobs", "jobs", [("limit", str(MAX_JOBS))])

    def _list(self, path: str, key: str, query: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
        found = self._ask(path, query).get(key)
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def _ask(self, path: str, query: Sequence[tuple[str, str]]) -> dict[str, Any]:
        try:
            connection = Connection(
                parse_address(self._server), token=token_of(environment()), wait_seconds=0.0
            )
            try:
                plain = connection.ask("GET", path, query=query, silent_seconds=SECONDS).json
            finally:
                connection.close()
        except _NONSENSE:
            return {}
        return plain if isinstance(plain, dict) else {}
