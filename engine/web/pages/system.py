"""The page of the system: engine, files, clock, disk, what doctor finds, channels and what they owe."""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from engine.answers.clock import clock_rows, look_at_clock
from engine.answers.facts import Fact
from engine.answers.findings import AREAS
from engine.answers.hosts import (
    Fleet,
    Held,
    HostState,
    leader_words,
    scheduler_words,
    skew_words,
    state_words,
)
from engine.answers.notify import tested_to_text
from engine.answers.status import Status
from engine.answers.status_text import status_rows
from engine.asking.channels import channels_of, send_test
from engine.asking.hosts import drain_host
from engine.asking.place import refuse_unsafe_files
from engine.core.errors import JobfileError
from engine.core.hosts import HostWord, Scheduler, SchedulerWord
from engine.core.records import Notification
from engine.host.clock import is_synchronized
from engine.notifications.system_channels import KnownChannel
from engine.service.status import status_at
from engine.web.access import Access
from engine.web.apart.question import ROUGHLY
from engine.web.apart.upkeep import examined
from engine.web.refusing import words_of
from engine.web.rendering import page
from engine.web.visits import Route, Visit
from jobfile.model.dataclass import dataclass

MAX_HOST_RUNS: Final = 10
"""Maximum number of attempts of one host that the table of hosts names."""
DRAIN: Final = "drain"
"""The action of a form that lets a host take nothing new; any other lets it take work again."""
MAX_REASON: Final = 1_000
MAX_UNDELIVERED: Final = 100
"""Maximum number of notifications that are listed: the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A channel: its name, and what it sends with. Where it sends to may be a secret."""

    name: str
    kind: str
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRow:
    """A host in the table of hosts."""

    name: str
    role: str
    state: str
    is_bad: bool
    action: str
    """What a user may have it do: `drain`, `resume`, or nothing."""
    slots: str
    labels: str
    runs: tuple[Held, ...]
    more: int
    """How many attempts are not named."""
    clock: str
    free: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    """The values of the page."""

    at: datetime
    status: Status
    rows: tuple[Fact, ...]
    """What `status` says."""
    clock: tuple[Fact, ...]
    """What `clock` says."""
    undelivered: tuple[Notification, ...]
    owed: int
    given_up: int
    hosts: tuple[HostRow, ...] = ()
    """The hosts; empty if the ledger belongs to one host."""
    leader: str = ""
    channels: tuple[Reached, ...] = ()
    trouble: str = ""
    """Why the channels are not known."""

    @property
    def heartbeat(self) -> datetime | None:
        """When the engine last said that it works; None if no engine runs."""
        session = self.status.session
        return session.last_seen_at if self.status.is_running and session is not None else None

    @property
    def more(self) -> int:
        """How many notifications are not listed."""
        return max(0, self.owed + self.given_up - len(self.undelivered))


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """The result of a test of a channel."""

    words: str
    is_delivered: bool


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit, None)


def test(visit: Visit) -> Response:
    """Send a test message to a channel, and show the result."""
    name = visit.form.get("channel")
    try:
        refuse_unsafe_files(visit.place, is_strict=True)
        tested = send_test(visit.place, name)
    except JobfileError as error:
        return _page(visit, Test(words=words_of(error), is_delivered=False))
    words = tested_to_text(name, tested.error, seconds=tested.seconds)
    return _page(visit, Test(words=words, is_delivered=not tested.error))


def drain(visit: Visit) -> Response:
    """Let a host take nothing new, or take work again."""
    form = visit.form
    is_draining, why = form.get("action") == DRAIN, form.get("why").strip()[:MAX_REASON]
    drain_host(visit.place, form.get("host"), is_draining=is_draining, why=why)
    return RedirectResponse("/system#hosts", HTTPStatus.SEE_OTHER)


def doctor(visit: Visit) -> Response:
    """What `doctor` finds. It may take long, so the page of the system asks for it when it is shown."""
    areas = visit.ask(ROUGHLY, examined)
    found = [finding for one in areas for finding in one.findings]
    values = {"examined": areas, "areas": AREAS, "found": found}
    return page(visit, "doctor.html", title="Doctor", values=values)


def _page(visit: Visit, tested: Test | None) -> Response:
    found = visit.recall("system", _answer)
    values = {
        "found": found,
        "tested": tested,
        "may_act": visit.user.may(Access.OPERATE),
        "as_of": found.at,
    }
    return page(visit, "system.html", title="System", values=values)


def _answer(visit: Visit) -> SystemPage:
    place, now = visit.place, visit.now
    view = place.view()
    status = status_at(place.config, view, now=now)
    channels, trouble = _channels(visit)
    return SystemPage(
        at=now,
        status=status,
        rows=tuple(status_rows(status)),
        clock=tuple(clock_rows(look_at_clock(view, now=now, is_synchronized=is_synchronized()))),
        undelivered=view.undelivered(limit=MAX_UNDELIVERED),
        owed=status.backlog.owed,
        given_up=status.given_up.given_up,
        hosts=_host_rows(status.fleet) if status.fleet is not None else (),
        leader=leader_words(status.fleet) if status.fleet is not None else "",
        channels=channels,
        trouble=trouble,
    )


def _host_rows(fleet: Fleet) -> tuple[HostRow, ...]:
    rows = [_host_row(one, fleet.role_of(one.host)) for one in fleet.hosts]
    rows += map(_scheduler_row, fleet.only_schedulers)
    return tuple(sorted(rows, key=lambda row: row.name))


def _scheduler_row(one: Scheduler) -> HostRow:
    return HostRow(
        name=one.name,
        role="scheduler",
        state=scheduler_words(one),
        is_bad=one.word is SchedulerWord.SILENT,
        action="",
        slots="",
        labels="",
        runs=(),
        more=0,
        clock="",
        free="",
        version=one.version,
    )


def _host_row(one: HostState, role: str) -> HostRow:
    host = one.host
    action = "resume" if host.is_draining else "drain"
    return HostRow(
        name=host.name,
        role=role,
        state=state_words(one),
        action="" if host.is_for_one else action,
        is_bad=host.word in (HostWord.SILENT, HostWord.TROUBLED),
        slots=f"{host.held:,} of {host.slots:,}",
        labels=", ".join(host.labels),
        runs=one.held[:MAX_HOST_RUNS],
        more=max(0, len(one.held) - MAX_HOST_RUNS),
        clock=skew_words(host.skew),
        free="" if host.is_cluster else f"{host.free_bytes / 1e9:.1f} GB",
        version=host.version,
    )


def _channels(visit: Visit) -> tuple[tuple[Reached, ...], str]:
    try:
        found = channels_of(visit.place)
    except JobfileError as error:
        return (), words_of(error)
    return tuple(_reached(name, one) for name, one in sorted(found.items())), ""


def _reached(name: str, channel: KnownChannel) -> Reached:
    spec = channel.spec
    kind = "http" if spec.http is not None else "command" if spec.command else "apprise"
    notes = [word for word, is_so in (("quiet hours", spec.quiet), ("digest", channel.digest)) if is_so]
    return Reached(name=name, kind=kind, notes=", ".join(notes))


ROUTES: Final[Sequence[Route]] = (
    Route("GET", "/system", Access.VIEW, show),
    Route("GET", "/system/doctor", Access.VIEW, doctor),
    Route("POST", "/system/hosts", Access.OPERATE, drain, body="form"),
    Route("POST", "/system/test", Access.OPERATE, test, body="form"),
)
