"""Delivers a message: collects what is known now, makes the message, and runs the programs that send it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from engine.actions.kind import CannotStartError
from engine.actions.prepare import secret_value
from engine.channels.failing import MAX_OUTPUT_BYTES, shown
from engine.channels.gathering import gather
from engine.channels.kind import Failure, Posting, Subject
from engine.channels.ping import SendPing, make_ping, send_ping
from engine.channels.registry import kind_of
from engine.config import EngineConfig
from engine.core.lifecycle import Attempt
from engine.core.notices import is_ping
from engine.core.records import Owed, Parcel
from engine.execution.launcher_client import listen
from engine.ledger.store_ports import Sending
from engine.notifications.message import MAX_LISTED, Happening, Message, make_message
from engine.notifications.quiet import LOUD, Quiet, quiet_now
from engine.notifications.system_channels import CHANNELS_FACT, KnownChannel, channels_from_text
from jobfile.expressions.expression import EvaluationError
from jobfile.model.jobs import ChannelSpec, JobSpec
from jobfile.model.namedtuple import NamedTuple

SEND_SECONDS = 30.0
"""Total time to deliver a message to one destination."""
MAX_EVENTS = 1_000
"""Maximum number of notifications of a message that are read; more are counted."""


class Delivered(NamedTuple):
    """How a delivery ended: `error` is empty when every destination has the message."""

    error: str = ""
    done: tuple[str, ...] = ()
    """The destinations that have it."""
    wait: float | None = None
    """How many seconds the destination asks to wait."""


class Send(Protocol):
    """Sends a message to the destinations of a channel that are not done."""

    def __call__(
        self, message: Message, channel: KnownChannel, config: EngineConfig, *, done: tuple[str, ...] = ()
    ) -> Delivered:
        """Send once; never raises."""
        ...


class Courier:
    """Delivers messages for the sender, in threads of a pool."""

    def __init__(
        self,
        store: Sending,
        config: EngineConfig,
        *,
        send: "Send | None" = None,
        ping: "SendPing | None" = None,
    ) -> None:
        """Take the ledger, to read what a message is about; `send` and `ping` are other ways, for tests."""
        self._ping = ping or send_ping
        self._store = store
        self._config = config
        self._send = send or send_message

    def deliver(self, channel: str, parcel: Parcel) -> Delivered:
        """Send a message once; blocks at most for SEND_SECONDS for each destination, or for each ping."""
        owed = self._store.outbox.of_message(parcel.id, limit=MAX_EVENTS)
        if is_ping(channel):
            return self._pinged(owed, parcel)
        known = self._channel(channel, owed)
        if known is None:
            return Delivered(f"channel `{channel}` is no longer in the job files", parcel.done)
        shown = owed[-MAX_LISTED:] if len(parcel.jobs) == 1 else owed[:MAX_LISTED]
        message = make_message(
            parcel.id,
            [self._gathered(one) for one in shown],
            total=self._store.outbox.count_of(parcel.id),
            ids=[one.id for one in owed],
        )
        return self._send(message, known, self._config, done=parcel.done)

    def quiet(self, channel: str, owed: Sequence[Owed], now: datetime) -> Quiet:
        """How quiet a channel is now, for notifications that wait for it."""
        known = self._channel(channel, owed) if owed else None
        return LOUD if known is None else quiet_now(known.spec.quiet, now)

    def _pinged(self, owed: Sequence[Owed], parcel: Parcel) -> Delivered:
        """Send pings in their order, up to the first that fails; `done` has the ids of those that arrived."""
        done = parcel.done
        for one in owed:
            if one.id in done:
                continue
            target = next((spec.ping for spec in self._specs(one) if spec.ping), "")
            if not target:
                continue  # its job pings nothing any more
            failure = self._ping(target, make_ping(self._gathered(one)), self._config)
            if failure is not None:
                return Delivered(failure.error, done, failure.wait)
            done = (*done, one.id)
        return Delivered(done=done)

    def _channel(self, name: str, owed: Sequence[Owed]) -> KnownChannel | None:
        """A channel as the job in force has it, else as the run had it; `config` and `engine` have no job."""
        for one in reversed(owed):
            for spec in self._specs(one):
                found = next(
                    (each for own in spec.notify.values() for each in own if each.name == name), None
                )
                if found is not None:
                    return KnownChannel(found, spec.vars)
        return channels_from_text(self._store.past.fact(CHANNELS_FACT, default="")).get(name)

    def _specs(self, owed: Owed) -> list[JobSpec]:
        """The definitions of a notification's job: that in force, and that of its run."""
        version = self._store.job_in_force(owed.job) if owed.job else None
        run = self._store.run(owed.run_id) if owed.run_id else None
        digests = [one.digest for one in (version, run) if one is not None]
        found = [one for one in dict.fromkeys(digests) if not self._store.definition_trouble(one)]
        return [self._store.definition(one) for one in found]

    def _gathered(self, owed: Owed) -> Happening:
        run = self._store.run(owed.run_id) if owed.run_id else None
        attempts: Sequence[Attempt] = () if run is None else self._store.past.attempts(run.id)
        specs = self._specs(owed)
        spec = specs[-1] if specs else None  # that of the run, if there is one
        pieces = self._store.pieces
        return gather(owed, run=run, spec=spec, attempts=attempts, config=self._config, pieces=pieces)


def send_message(
    message: Message, channel: KnownChannel, config: EngineConfig, *, done: tuple[str, ...] = ()
) -> Delivered:
    """Send a message to each destination of a channel that does not have it yet."""
    spec = channel.spec
    secrets: dict[str, str] = {}
    try:
        for name, source in spec.secrets.items():
            secrets[name] = secret_value(name, source, config.environ)
        subject = Subject(message, spec, channel.variables, secrets, config)
        postings = kind_of(spec).postings(subject)
    except CannotStartError as error:
        return Delivered(shown(error.detail, secrets), done)
    except EvaluationError as error:
        return Delivered(shown(str(error), secrets), done)
    failures: list[Failure] = []
    for posting in postings:
        if posting.destination and posting.destination in done:
            continue
        failure = _post(posting, spec)
        if failure is None:
            done = (*done, posting.destination) if posting.destination else done
        else:
            failures.append(failure)
    waits = [one.wait for one in failures if one.wait is not None]
    errors = "; ".join(one.error for one in failures)
    return Delivered(shown(errors, secrets), done, max(waits, default=None))


def _post(posting: Posting, channel: ChannelSpec) -> Failure | None:
    """Run a program that delivers; why it failed."""
    try:
        heard = listen(
            posting.argv,
            env=posting.env,
            text=posting.text.encode("utf-8", "surrogateescape"),
            most_bytes=MAX_OUTPUT_BYTES,
            memory_bytes=posting.memory_bytes,
            timeout_seconds=SEND_SECONDS,
            folder=posting.folder,
        )
    except (OSError, ValueError) as error:  # a NUL in an argument is a ValueError
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Failure(f"{posting.argv[0]} cannot be executed: {why}")
    return kind_of(channel).failure(heard)
