"""Follows runs on a server: prints their output as it comes, and how they end."""

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.asking.logs import Options
from engine.cli.following import EndingSignals, say
from engine.cli.output import style_of
from engine.cli.remote.asking import (
    PARTIAL,
    UNSATISFIABLE,
    Remote,
    mapping_of,
    notes_of,
    pairs,
)
from engine.cli.showing import OutputShown
from engine.cli.step_output import PrefixedLines, StepsShown
from engine.client.http import Answer
from engine.core.errors import JobfileError
from engine.core.lifecycle import AttemptKey
from engine.core.vocabulary import combination_text, reason_words, short
from jobfile.diagnostics.escapes import message
from jobfile.model.namedtuple import NamedTuple

UNCHANGED: Final = 304
LOOK_SECONDS: Final = 2.0
"""How long the server waits for a change before output is looked for again."""
ID_DIGITS: Final = 16
"""Digits of a run's id in a request about many."""
MAX_FOLLOWED: Final = 90
EVERYTHING: Final = Options(step=None, attempt=None, tail=None, is_followed=True)
"""The output of all attempts."""


class Seen(NamedTuple):
    """An attempt, as the server described it."""

    key: AttemptKey
    ended_at: object
    words: str
    """Why it did not succeed."""


class RemoteTail:
    """The output of an attempt on a server; each call gives what is new."""

    def __init__(self, remote: Remote, key: AttemptKey) -> None:
        """Begin at its first byte."""
        self._remote, self._at = remote, 0
        self._path = f"/runs/{key.run_id}/output"
        self._query = pairs(attempt=key.number, step=key.step or None, item=key.item or None)

    def read(self) -> bytes:
        """What was written since the last call."""
        headers = {"Range": f"bytes={self._at}-"}
        answer = self._remote.connection.ask(
            "GET", self._path, query=self._query, headers=headers, known=(PARTIAL, UNSATISFIABLE)
        )
        if answer.status != PARTIAL:
            return b""
        self._at += len(answer.body)
        return answer.body


class _Run:
    """One run that is followed."""

    def __init__(self, remote: Remote, options: Options, *, to_stderr: bool, prefix: str) -> None:
        self._remote, self._options, self._prefix = remote, options, prefix
        self._stream = sys.stderr if to_stderr else sys.stdout
        self._attempts: list[Seen] = []
        self._steps = StepsShown(
            lambda: self._attempts,
            self._tail,
            stream=self._stream,
            prefix=self._prefix,
            lines=options.tail,
        )
        self._shown: dict[AttemptKey, OutputShown | PrefixedLines] = {}
        self._over: set[AttemptKey] = set()

    def look(self, plain: Mapping[str, Any]) -> None:
        """Print what is new."""
        found = [_seen(str(plain["id"]), one) for one in plain.get("attempt_list") or ()]
        self._attempts = [one for one in found if self._options.takes(one.key)]
        if any(one.key.step for one in self._attempts):
            self._steps.show_new()
            return
        for number, one in enumerate(self._attempts, start=1):
            if one.key in self._over:
                continue
            shown = self._shown.setdefault(one.key, self._show(one.key))
            if one.ended_at is None:
                shown.show_new()
                continue
            shown.finish()
            self._over.add(one.key)
            if number < len(self._attempts) or plain["state"] == "retry_wait":
                say(f"{self._prefix}attempt {one.key.number}: {one.words}; next attempt")

    def _show(self, key: AttemptKey) -> OutputShown | PrefixedLines:
        tail = self._tail(key)
        if self._prefix:
            return PrefixedLines(tail, f"{self._prefix}| ", self._stream, lines=self._options.tail)
        return OutputShown(tail, stream=self._stream, lines=self._options.tail)

    def _tail(self, key: AttemptKey) -> RemoteTail:
        return RemoteTail(self._remote, key)


def _seen(run: str, one: Mapping[str, Any]) -> Seen:
    key = AttemptKey(run, int(one["number"]), str(one["step"] or ""), int(one["item"] or 0))
    words = reason_words(str(one["reason"] or ""), str(one["detail"] or ""))
    return Seen(key, one["ended_at"], message(words))


class _Watch:
    """What was printed of runs that are followed."""

    def __init__(
        self, remote: Remote, options: Options, *, is_quiet: bool, shows_output: bool, to_stderr: bool
    ) -> None:
        self._remote, self._options = remote, options
        self._is_quiet, self._shows_output, self._to_stderr = is_quiet, shows_output, to_stderr
        self._runs: dict[str, _Run] = {}
        self._printed: set[str] = set()

    def look(self, found: Sequence[Mapping[str, Any]]) -> None:
        """Print what is new of each run, and how each ended."""
        for one in found:
            run = str(one["id"])
            if self._shows_output:
                prefix = f"{combination_text(one['matrix'])} " if len(found) > 1 else ""
                if run not in self._runs:
                    self._runs[run] = _Run(
                        self._remote, self._options, to_stderr=self._to_stderr, prefix=prefix
                    )
                self._runs[run].look(one)
            if one["ended_at"] is not None and run not in self._printed:
                self._printed.add(run)
                if not self._is_quiet:
                    print_end(one)


def follow(
    remote: Remote,
    runs: Sequence[str],
    *,
    is_ours: bool,
    is_quiet: bool,
    shows_output: bool = True,
    to_stderr: bool = False,
    seconds: float = float("inf"),
    together: bool = True,
    options: Options = EVERYTHING,
) -> Answer:
    """Wait until all runs are over, or nothing will start the rest; the last answer about them. `options`
    choose what is printed; when nothing more of it can come, that is the end, too.

    On a signal that ends a command, a run of ours that has not started is withdrawn, and others continue.
    """
    if len(runs) > MAX_FOLLOWED:
        raise JobfileError(f"{len(runs)} runs are too many to follow at once; add --detach")
    query = [("run", one[:ID_DIGITS]) for one in runs] + pairs(together=together)
    watch = _Watch(remote, options, is_quiet=is_quiet, shows_output=shows_output, to_stderr=to_stderr)
    until = time.monotonic() + seconds
    last = remote.get("/wait", query)
    with EndingSignals().listening() as told:
        while True:
            found = runs_in(last)
            watch.look(found)
            is_over = all(one["ended_at"] is not None or _has_all(one, options) for one in found)
            if is_over or notes_of(last) or time.monotonic() >= until:
                for text in notes_of(last):
                    say(text)
                return last
            if signal_name := told.take():
                _leave(remote, found, why=signal_name, is_ours=is_ours)
                return remote.get("/wait", query)
            pause = max(1.0, min(LOOK_SECONDS, until - time.monotonic()))
            now = remote.get("/wait", query, seconds=pause, known_as=last.headers.get("etag", ""))
            last = last if now.status == UNCHANGED else now


def _leave(remote: Remote, found: Sequence[Mapping[str, Any]], *, why: str, is_ours: bool) -> None:
    for one in found:
        if one["ended_at"] is not None:
            continue
        if is_ours and one["state"] == "queued":
            say(f"\nwithdrawing run {short(one['id'])}")
            body = {"why": "Ctrl-C" if why == "SIGINT" else why}
            remote.post(f"/runs/{one['id']}/cancel", body, is_safe=True)
        elif is_ours:
            still = "waiting" if one["state"] == "queued" else "running"
            say(f"\nstill {still}; end it with  jobfile cancel {short(one['id'])}")


def _has_all(one: Mapping[str, Any], options: Options) -> bool:
    steps = one.get("steps") or ()
    return options.has_all((str(step["step"]), int(step["item"] or 0), str(step["state"])) for step in steps)


def follow_logs(remote: Remote, run: str, options: Options) -> None:
    """`jobfile logs --follow`: the output until the run, or the step, is over."""
    follow(remote, [run], is_ours=False, is_quiet=True, options=options)


def runs_in(answer: Answer) -> list[dict[str, Any]]:
    """The runs of an answer about one run or several."""
    plain = mapping_of(answer)
    return list(plain["runs"]) if "runs" in plain else [plain]


def print_end(one: Mapping[str, Any]) -> None:
    """Print on stderr how a run ended."""
    style = style_of(sys.stderr)
    line = message(str(one["verdict"]["line"]))
    say(str(one["job"]) + style.states(line.removeprefix(str(one["job"]))), style)
