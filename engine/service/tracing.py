"""Traces of runs that are over: a sink of the events that notes ids, and a thread that sends the spans."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import Final, Protocol

from engine.core.errors import JobfileError
from engine.core.events import ChannelDown, ChannelUp, DoneByOthers, Event, RunSettled
from engine.core.traces import Span, ended_while_waiting, spans_of
from engine.ledger.ports import View
from jobfile.model.namedtuple import NamedTuple

CHANNEL: Final = "traces"
"""The name under which its failures are reported, like those of a channel."""
MAX_WAITING: Final = 10_000
"""Maximum number of runs whose spans wait for a collector; older ones are dropped."""
AT_ONCE: Final = 50
"""Maximum number of runs whose spans are sent together."""
RETRY_SECONDS: Final = 30.0
STOPS: Final = ("cancel", "kill")
"""What a command does to a run that may end it at once, as the audit names it."""
CLOSE_SECONDS: Final = 5.0
"""How long an engine that stops waits for spans to be sent."""


class _Over(NamedTuple):
    """A run that is over, or that a command has asked to end: it may be over without an event about it."""

    run_id: str
    is_certain: bool = True


class Sender(Protocol):
    """Sends spans."""

    def send(self, spans: Sequence[Span]) -> bool:
        """Send spans; whether they were taken."""
        ...


class Tracing:
    """Implements a sink. The thread, and all that it imports, starts with the first run that is over."""

    name = "traces"

    def __init__(
        self,
        open_view: Callable[[], View],
        make_sender: Callable[[], Sender],
        *,
        report: Callable[[Event], None],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """`report` gets events about the collector, from the thread."""
        self._open_view = open_view
        self._make_sender = make_sender
        self._report = report
        self._retry_seconds = retry_seconds
        self._waiting: deque[_Over] = deque(maxlen=MAX_WAITING)
        self._sender: Sender | None = None
        self._is_down = False
        self._is_closing = threading.Event()
        self._has_news = threading.Event()
        self._thread: threading.Thread | None = None

    def take(self, events: Sequence[Event], now: datetime) -> None:  # noqa: ARG002  the sinks' signature
        """Note the runs that are over."""
        over = [_Over(one.run.id) for one in events if isinstance(one, RunSettled) and one.run.state.is_final]
        # A command ends a run that waits for its retry by itself: the engine settles nothing.
        over += [
            _Over(one.object, is_certain=False)
            for one in events
            if isinstance(one, DoneByOthers) and one.action in STOPS
        ]
        if not over:
            return
        self._waiting.extend(over)
        if self._thread is None:
            # A daemon: a collector that hangs must not keep an engine from ending.
            self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
            self._thread.start()
        self._has_news.set()

    def close(self) -> None:
        """Send what waits, but not for long."""
        self._is_closing.set()
        self._has_news.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while True:
            self._has_news.wait()
            self._has_news.clear()
            while self._waiting:
                if not self._send_some() and self._is_closing.wait(self._retry_seconds):
                    return
            if self._is_closing.is_set():
                return

    def _send_some(self) -> bool:
        """Send the spans of the oldest runs; whether the collector has taken them."""
        runs = [self._waiting[n] for n in range(min(AT_ONCE, len(self._waiting)))]
        try:
            if self._sender is None:
                self._sender = self._make_sender()
            spans = self._spans(runs)
            error = "" if not spans or self._sender.send(spans) else "the collector did not take the spans"
        except ModuleNotFoundError as missing:
            error = f"traces need {missing.name}; install it with  pip install 'jobfile[otel]'"
        except JobfileError as trouble:
            error = str(trouble)
        except Exception as trouble:  # noqa: BLE001  the next try is made whatever happened to this one
            error = f"they could not be sent: {type(trouble).__name__}"
        if not error:
            for one in runs:
                if self._waiting and self._waiting[0] is one:
                    self._waiting.popleft()
        self._judge(error)
        return not error

    def _spans(self, runs: Sequence["_Over"]) -> list[Span]:
        with closing(self._open_view()) as view:
            found: list[Span] = []
            for one in runs:
                run, attempts = view.run(one.run_id), view.attempts(one.run_id)
                if run is not None and (one.is_certain or ended_while_waiting(run, attempts)):
                    found += spans_of(run, attempts, view.steps(one.run_id))
            return found

    def _judge(self, error: str) -> None:
        """Report a failure once, and its end."""
        if error and not self._is_down:
            self._report(ChannelDown(channel=CHANNEL, error=error))
        if not error and self._is_down:
            self._report(ChannelUp(channel=CHANNEL))
        self._is_down = bool(error)
