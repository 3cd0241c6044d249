"""Sends the output and the artifacts of a host's attempts to the ledger, where all hosts can read them.

It reads what supervisors have stored, so secrets are masked. It has a thread and a connection of its own:
slow sending delays no start and no renewal of a lease, and a report waits for it for a bounded time.
"""

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Final

from engine.config import EngineConfig
from engine.core.artifacts import artifacts_of
from engine.core.hosts import Delivery
from engine.core.lifecycle import Artifact, AttemptKey, Outcome
from engine.core.pieces import LOG, PIECE_BYTES, Piece, Whereabouts, shared_artifacts
from engine.execution.artifact_files import CopyGoneError, read_copy
from engine.execution.output_pieces import dropped_pieces, pieces_after
from engine.ledger.host_ports import Outputs
from engine.ports import Clock
from jobfile.model.namedtuple import NamedTuple

SEND_SECONDS: Final = 1.0
"""How often new output is sent."""
MOST_PIECES: Final = 16
"""Maximum number of pieces in one statement, and of one attempt in a round, whatever it writes."""
END_SECONDS: Final = 2.0
"""How long the report of an end waits until all output is sent. The rest is sent afterwards."""
LATELY: Final = timedelta(hours=1)
"""For attempts that ended within this time, an earlier process of this host may not have sent all output."""
MOST_LATELY: Final = 1_000


class _Sending:
    """How much of an attempt's output and artifacts has been sent."""

    def __init__(self, attempt: AttemptKey, *, is_new: bool) -> None:
        """For a new attempt nothing was sent; for any other, the ledger has to be asked."""
        self.attempt = attempt
        self.at = Whereabouts() if is_new else None
        self.is_new = is_new
        self.dropped = 0
        """The ledger has deleted the pieces before this one, which this host has dropped."""
        self.ended_at: float | None = None
        self.artifacts: list[Artifact] = []
        """The artifacts whose copies are still to be sent."""
        self.copying: Iterator[list[Piece]] = iter(())
        """The rest of the copy that is sent now."""
        self.copied: list[Piece] | None = None
        """The part of it that is being sent: after a failure it is sent again."""
        self.is_over = False
        """Whether the attempt has ended and all of its output was sent."""
        self.is_reported = False


class _Batch(NamedTuple):
    """New pieces of an attempt."""

    sending: _Sending
    pieces: list[Piece]


class OutputSender:
    """Its methods may be called by several threads; `send` by one at a time."""

    def __init__(
        self,
        outputs: Outputs,
        *,
        config: EngineConfig,
        clock: Clock,
        host: str,
        wake: Callable[[], None] = lambda: None,
        on_sent: Callable[[], None] = lambda: None,
    ) -> None:
        """`wake` is called to have `send` called soon; `on_sent`, when an end that waits can be reported."""
        self._outputs = outputs
        self._config = config
        self._clock = clock
        self._host = host
        self._wake = wake
        self._on_sent = on_sent
        self._some: dict[str, _Sending] = {}
        self._lock = threading.Lock()

    def follow(self, attempt: AttemptKey, *, is_new: bool) -> None:
        """Send what an attempt writes. If it is not new, another process may have sent a part of it."""
        self._known(attempt, is_new=is_new)

    def forget(self, attempt: AttemptKey) -> None:
        """Send nothing of an attempt: it was never executed here."""
        with self._lock:
            self._some.pop(attempt.id, None)

    def finish(self, ended: Iterable[Delivery]) -> None:
        """Send the rest of what ended a while ago, if another process of this host has not."""
        for one in ended:
            sending = self._known(one.attempt, is_new=False)
            sending.is_reported = True
            if one.outcome is not None:
                self._note_end(sending, one.outcome)

    def end(self, attempt: AttemptKey, outcome: Outcome) -> bool:
        """Whether the end of an attempt can be reported: all is sent, or that takes too long.

        Call it again after False.
        """
        sending = self._known(attempt, is_new=False)
        if sending.ended_at is None:
            self._note_end(sending, outcome)
            sending.is_over = sending.is_new and self._is_silent(sending)
        assert sending.ended_at is not None
        if sending.is_over:
            self.forget(attempt)
        elif self._clock.elapsed() - sending.ended_at >= END_SECONDS:
            sending.is_reported = True
        else:
            self._wake()
            return False
        return True

    def send(self) -> float:
        """Send what is new; the seconds until that is due again."""
        is_more = False
        batches: list[_Batch] = []
        room = MOST_PIECES
        with self._lock:
            some = [*self._some.values()]
        for sending in some:
            if sending.is_over:
                continue
            has_ended = sending.ended_at is not None  # before the look: then nothing comes after it
            pieces = self._new_pieces(sending)
            is_more = is_more or (has_ended and bool(pieces))
            if len(pieces) > room:
                self._append(batches)
                batches, room = [], MOST_PIECES
            if pieces:
                batches.append(_Batch(sending, pieces))
                room -= len(pieces)
            elif has_ended:
                is_more = not self._complete(sending) or is_more
        self._append(batches)
        return 0.0 if is_more else SEND_SECONDS

    def _known(self, attempt: AttemptKey, *, is_new: bool) -> _Sending:
        with self._lock:
            return self._some.setdefault(attempt.id, _Sending(attempt, is_new=is_new))

    def _note_end(self, sending: _Sending, outcome: Outcome) -> None:
        sending.artifacts = shared_artifacts(artifacts_of(outcome), self._outputs.limits)
        sending.ended_at = self._clock.elapsed()

    def _is_silent(self, sending: _Sending) -> bool:
        """Whether an attempt that has ended leaves nothing to send: then its end is reported at once."""
        return not sending.artifacts and not self._new_pieces(sending, most=1)

    def _new_pieces(self, sending: _Sending, *, most: int = MOST_PIECES) -> list[Piece]:
        if sending.at is None:
            sending.at = self._outputs.sent(sending.attempt, copy=LOG)
        folder = self._config.attempt_dir(sending.attempt)
        return pieces_after(folder, sending.attempt, sending.at, most=most)

    def _append(self, batches: list[_Batch]) -> None:
        """Store pieces. After a failure the same ones are sent again."""
        if not batches:
            return
        self._outputs.append([piece for one in batches for piece in one.pieces], host=self._host)
        for sending, pieces in batches:
            sending.at = Whereabouts(pieces[-1].seq, len(pieces[-1].content))
            gone = dropped_pieces(sending.at)
            if len(gone) > sending.dropped:
                self._outputs.drop_passed(
                    sending.attempt, first=gone.start, before=gone.stop, host=self._host
                )
                sending.dropped = len(gone)

    def _complete(self, sending: _Sending) -> bool:
        """Send a part of the artifacts of an attempt whose output is sent; True if it was the last part."""
        sending.copied = sending.copied or next(sending.copying, None)
        while sending.copied is None and sending.artifacts:
            artifact = sending.artifacts[0]
            if sending.is_new or not self._is_there(sending.attempt, artifact):
                sending.copying = self._copied(sending.attempt, artifact)
                sending.copied = next(sending.copying, None)
            del sending.artifacts[0]
        if sending.copied is not None:
            self._outputs.append(sending.copied, host=self._host)
            sending.copied = None
            return False
        sending.is_over = True
        if sending.is_reported:
            self.forget(sending.attempt)
        else:
            self._on_sent()
        return True

    def _is_there(self, attempt: AttemptKey, artifact: Artifact) -> bool:
        at = self._outputs.sent(attempt, copy=artifact.copy)
        return at.seq * self._outputs.limits.piece_bytes + at.size == artifact.size

    def _copied(self, attempt: AttemptKey, artifact: Artifact) -> Iterator[list[Piece]]:
        """The pieces of a copy, a few at a time. Its reader will notice if it is gone or was changed."""
        size, seq, rest = self._outputs.limits.piece_bytes, 0, b""
        pieces: list[Piece] = []
        with contextlib.suppress(CopyGoneError):
            for part in read_copy(self._config.attempt_dir(attempt), artifact):
                rest += part
                while len(rest) >= size:
                    pieces.append(Piece(attempt, artifact.copy, seq, rest[:size]))
                    rest, seq = rest[size:], seq + 1
                    if len(pieces) * size >= MOST_PIECES * PIECE_BYTES:
                        yield pieces
                        pieces = []
        if rest:
            pieces.append(Piece(attempt, artifact.copy, seq, rest))
        if pieces:
            yield pieces
