"""`jobfile up`: the engine in the foreground."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from engine.actions.beyond_host import ignored_labels
from engine.asking.place import Place, refuse_unsafe_files
from engine.asking.times import parse_length
from engine.cli.exit_codes import GOOD
from engine.cli.output import style_of
from engine.cli.place import place_options, strict_option
from engine.cli.roles import ALL, MAX_SLOTS, ROLES, SCHEDULER, WORKER, Part, offered
from engine.cli.serving import allow_root_option, page_beside
from engine.config import EngineConfig, link_before
from engine.core.errors import JobfileError, StoreUnwritableError
from engine.core.traces import is_traced
from engine.host.clock import SystemClock
from engine.host.console import Console
from engine.host.hardening import PARENT, die_with_parent
from engine.host.lock import lock_holder, make_state_dir
from engine.host.ownership import refuse_foreign_state
from engine.host.systemd import Manager
from engine.host.waiting import wait_for
from engine.host.wake import YIELD, poke
from engine.journal.file import LogFile
from engine.journal.shown import Form, Shown, lost_line
from engine.journal.stream import EventStream
from engine.ledger.opening import open_view
from engine.service.engine import EngineService
from engine.service.outside_watch import heartbeat_problem
from engine.service.session import OpenSession, open_session
from jobfile.model.namedtuple import NamedTuple
from jobfile.pipeline import Compiled

if TYPE_CHECKING:
    from engine.service.tracing import Sender, Tracing

STDOUT, STDERR = 1, 2
GIVE_UP_SECONDS = 30.0
"""How long to wait for a command that holds the state folder: it yields after one turn of its loops."""
LOOK_SECONDS = 0.05


@click.command("up")
@click.option(
    "--for", "length", metavar="LENGTH", help="Stop after this length of time: 30s, 5m [default: never]."
)
@click.option(
    "--apply",
    "how",
    type=click.Choice(["auto", "manual"]),
    default=None,
    help="How changed files are applied: auto, as soon as they are valid; manual, by  jobfile apply  "
    "[default: auto; manual with --role, because each host may have other files].",
)
@click.option(
    "--git",
    "ref",
    metavar="REF",
    default="",
    help="Read the job files from this branch or tag (main, origin/main), commit by commit "
    "[default: from the work tree].",
)
@click.option(
    "--git-signers",
    metavar="FILE",
    help="With --git: apply only commits signed by a key in FILE, an allowed-signers file of ssh-keygen.",
)
@click.option(
    "--accept-rewind",
    is_flag=True,
    help="The ledger was restored from a backup: continue from it. Runs since that backup start "
    "again, because it has no record of them [default: start nothing and say so].",
)
@click.option(
    "--mark-missed", is_flag=True, help="With --accept-rewind: record these runs as missed, do not run them."
)
@click.option(
    "--yes-remove-many",
    "allows_removals",
    is_flag=True,
    help="Apply files that remove more than five jobs, and more than a fifth of all, at once.",
)
@click.option(
    "--stop-jobs",
    is_flag=True,
    help="When the engine, or this host, ends, end the jobs that run here [default: they continue].",
)
@click.option(
    "--serve",
    "served_at",
    metavar="HOST:PORT",
    help="Also serve the page and the API at this address, in a process of its own: 127.0.0.1:8420.",
)
@click.option(
    "--role",
    type=click.Choice(ROLES),
    default=None,
    help="Share the ledger in PostgreSQL with other hosts: decide what runs, if no other host does "
    "(scheduler), execute runs (worker), or both (all) [default: one engine does everything].",
)
@click.option(
    "--name", "host_name", default="", metavar="NAME", help="The name of this host [default: its hostname]."
)
@click.option(
    "--label",
    "labels",
    multiple=True,
    metavar="LABEL",
    help="A label of this host, for jobs with  runs_on: LABEL. Repeatable.",
)
@click.option(
    "--slots",
    type=click.IntRange(1, MAX_SLOTS),
    default=None,
    help="How many attempts this host executes at once [default: $JOBFILE_MAX_RUNNING, else 16].",
)
@click.option(
    "--outputs",
    default=None,
    metavar="URL",
    help="With a ledger in PostgreSQL: where all hosts keep artifacts, and what their jobs print: "
    "s3://BUCKET/PREFIX, gs://, az:// or file:// [default: $JOBFILE_OUTPUTS, else in the ledger, where files "
    "have at most 1 MiB].",
)
@allow_root_option
@click.option(
    "--json", "form", flag_value="json", default="text", help="Print events as JSON, one object on each line."
)
@click.option(
    "--ecs", "form", flag_value="ecs", help="The same, with the names of the Elastic Common Schema (ECS)."
)
@strict_option
@place_options
def command(
    length: str | None,
    how: str | None,
    ref: str,
    git_signers: str | None,
    served_at: str | None,
    *,
    role: str | None,
    host_name: str,
    labels: tuple[str, ...],
    slots: int | None,
    outputs: str | None,
    accept_rewind: bool,
    mark_missed: bool,
    allows_removals: bool,
    stop_jobs: bool,
    form: Form,
    may_be_root: bool,
    is_strict: bool,
    place: Place,
) -> int:
    """Run the engine here until it is stopped: Ctrl-C, SIGTERM or --for.

    With --git the job files are read from commits, never from the work tree; a remote's branch is fetched.

    Running jobs continue when the engine ends, however it ends; the next engine takes them over. At SIGHUP,
    an engine without a terminal reads the files immediately. systemd is notified of each start, reload and
    end: packaging/jobfile.service.
    """
    duration = parse_length(length, of="--for") if length else None
    _refuse_contradictions(role, stop_jobs=stop_jobs, mark_missed=mark_missed, accept_rewind=accept_rewind)
    config = replace(
        place.config,
        applies_by_itself=(how or ("manual" if role else "auto")) == "auto",
        is_strict=is_strict,
        accepts_rewind=accept_rewind,
        marks_missed=mark_missed,
        allows_removals=allows_removals,
        git_ref=ref,
        git_signers=_signers_file(git_signers, ref),
    )
    _look_at_surroundings(place, config, role=role)
    # Resolved once: a link on the path that is switched later must not lead to a different state folder.
    config = replace(config, state_dir=config.state_dir.resolve())
    clock = SystemClock()
    manager = Manager(place.config.environ, pid=os.getpid())
    signals = _Signals(manager, clock)
    signals.obey()  # first: once the lock is taken, others may signal its holder
    page = page_beside(served_at, place, clock, may_be_root=may_be_root)
    about = offered(host_name, labels, slots, config, role=role, outputs=outputs)
    part = Part(config, about, signals.ended, manager, duration, stops_jobs=stop_jobs)
    if role is None:
        _run_engine(part, clock, form, signals, page)
    else:
        with page:
            _run_role(role, part, clock, form)
    return GOOD


def _refuse_contradictions(
    role: str | None, *, stop_jobs: bool, mark_missed: bool, accept_rewind: bool
) -> None:
    if stop_jobs and role == SCHEDULER:
        raise click.UsageError(
            "--stop-jobs is for hosts that execute jobs, and a scheduler does not; give it to workers, or "
            "drain them first:  jobfile hosts drain HOST --wait"
        )
    if mark_missed and not accept_rewind:
        raise click.UsageError("--mark-missed needs --accept-rewind; it says how to continue from the copy")


def _run_engine(
    part: Part,
    clock: SystemClock,
    form: Form,
    signals: "_Signals",
    page: contextlib.AbstractContextManager[object],
) -> None:
    """Run one engine, which decides and executes."""
    config, manager = part.config, part.manager
    outlets = _outlets(config, clock, form)
    session = _open(config, outlets.journal, clock)
    _place_outputs(session, part.about.outputs, clock)
    service = EngineService(
        session, outlets.journal, clock, ended=part.ended, manager=manager, alarm=_alarm(manager, config)
    )
    signals.reload = service.wake
    _warn_of_labels(service.start(), config)
    manager.ready(f"runs {config.main_file}")
    with page:
        wait_for(part.ended, part.seconds)
    manager.stopping()
    if part.stops_jobs and not service.trouble:
        _stop_jobs(service)
    _end(service, outlets)


def _place_outputs(session: OpenSession, url: str, clock: SystemClock) -> None:
    """Note in the ledger which object store has the outputs, if one is named."""
    if not url:
        return
    from engine.service.sending import place_outputs  # noqa: PLC0415  start-up time: only with an object store

    try:
        place_outputs(session.store, url)
    except JobfileError:
        session.refuse(now=clock.now())
        raise


def _run_role(role: str, part: Part, clock: SystemClock, form: Form) -> None:
    """Run this process in a role on a ledger that hosts share."""
    from engine.cli.running_roles import run_all, run_scheduler, run_worker  # noqa: PLC0415  start-up time: only with a role
    from engine.service.leading import leader_config  # noqa: PLC0415  as above

    if role == ALL:
        run_all(part)
        return
    parent = part.config.environ.get(PARENT)
    if parent:  # --role all: a new one could not start while this one is there
        die_with_parent(int(parent))
    part = part if role == WORKER else part._replace(config=leader_config(part.config))
    make_state_dir(part.config.state_dir)
    outlets = _outlets(part.config, clock, form)
    try:
        if role == WORKER:
            run_worker(part, outlets.journal)
        else:
            run_scheduler(part, outlets.journal, alarm=_alarm(part.manager, part.config))
    finally:
        _close(outlets)


class _Outlets(NamedTuple):
    """Where events go: the stream, and those of its sinks that are closed at the end."""

    journal: EventStream
    console: Console
    tracing: "Tracing | None"


def _outlets(config: EngineConfig, clock: SystemClock, form: Form) -> _Outlets:
    """Events go to the log, to standard output, and as spans to a collector if the environment names one."""
    console = Console(STDOUT, when_lost=lambda count: lost_line(count, clock.now(), form=form))
    log = LogFile(config.state_dir / "engine.log")
    journal = EventStream(log, Shown(console.write, form=form, style=style_of()), clock=clock)
    return _Outlets(journal, console, _trace(journal, config))


def _end(service: EngineService, outlets: "_Outlets") -> None:
    """Stop cleanly. Raises the error that ended the engine, or one that names the loops that did not end."""
    standing = service.stop()
    _close(outlets)
    if service.trouble is not None:
        raise service.trouble
    if standing:
        raise JobfileError(
            f"the engine ended although loops were stuck ({', '.join(standing)}); "
            "running jobs continue under their supervisors, and the next engine takes them over"
        )


def _close(outlets: "_Outlets") -> None:
    if outlets.tracing is not None:
        outlets.tracing.close()
    outlets.console.close()


def _trace(journal: EventStream, config: EngineConfig) -> "Tracing | None":
    """Send the spans of runs to a collector, if the environment names one."""
    if not is_traced(config.environ):
        return None
    from engine.service.tracing import Tracing  # noqa: PLC0415  start-up time: only with a collector

    def make_sender() -> "Sender":
        from engine.integrations.otel import SpanSender  # noqa: PLC0415  the same, and an extra that may be missing

        return SpanSender()

    tracing = Tracing(partial(open_view, config.ledger_url), make_sender, report=journal.report)
    journal.add(tracing)
    return tracing


def _look_at_surroundings(place: Place, config: EngineConfig, *, role: str | None) -> None:
    """Refuse a setting of no use, and files with which other users could control the engine; or warn."""
    if problem := heartbeat_problem(config):
        raise click.UsageError(problem)
    refuse_foreign_state(config.state_dir)
    if not config.git_ref:
        refuse_unsafe_files(place, is_strict=config.is_strict)
    if role in (None, WORKER):  # what executes jobs, and each process only once
        _warn_of_root()
    _warn_of_links(place, config)


def _open(config: EngineConfig, journal: EventStream, clock: SystemClock) -> OpenSession:
    """Take the state folder.

    A command that runs jobs itself is asked to give it up; it continues to follow its run.
    """
    pause = threading.Event()
    until = time.monotonic() + GIVE_UP_SECONDS
    while True:
        holder = lock_holder(config.state_dir)
        if holder is None or holder.is_engine or time.monotonic() >= until:
            return open_session(config, journal, clock)
        poke(config.state_dir, YIELD)
        pause.wait(LOOK_SECONDS)


def _warn_of_root() -> None:
    """Warn about an engine that runs as root: usual in a container, but elsewhere mostly an accident."""
    if os.geteuid() == 0:
        click.echo("warning: the engine runs as root, and so does every job", err=True)


def _warn_of_links(place: Place, config: EngineConfig) -> None:
    """Warn about a state folder behind a link: when a deployment switches the
    link, the new folder is empty.
    """
    link = link_before(place.main_file.absolute().parent)
    if link is not None and config.state_dir.parent == place.main_file.absolute().parent:
        click.echo(
            f"warning: the state folder {config.state_dir} is behind the link {link}: when the link is "
            "switched, as a deploy does, the next engine starts without history; name a folder outside it "
            "with --state",
            err=True,
        )


def _warn_of_labels(compiled: Compiled | None, config: EngineConfig) -> None:
    """Warn that jobs that ask for certain hosts run on this one."""
    catalog = None if compiled is None else compiled.catalog
    if catalog is not None and (told := ignored_labels(catalog, config)):
        click.echo(f"warning: {told}", err=True)


def _stop_jobs(service: EngineService) -> None:
    """End running jobs; say if not all have ended. On a full disk the requests cannot be written."""
    with contextlib.suppress(StoreUnwritableError):
        if service.stop_jobs(why="the engine ended with --stop-jobs"):
            return
    click.echo("warning: not every job has ended; running jobs continue under their supervisors", err=True)


def _alarm(manager: Manager, config: EngineConfig) -> Callable[[str], None]:
    """A function that reports, on stderr and to systemd and so without
    the disk, that the ledger cannot be written.
    """
    console = Console(STDERR)

    def alarm(trouble: str) -> None:
        manager.status(f"NOTHING STARTS: {trouble}" if trouble else f"runs {config.main_file}")
        console.write(f"warning: {trouble or 'the ledger is writable again'}\n")

    return alarm


class _Signals:
    """SIGTERM and SIGINT end the engine. SIGHUP reads the files, unless a terminal could have sent it."""

    def __init__(self, manager: Manager, clock: SystemClock) -> None:
        self.ended = threading.Event()
        self.reload: Callable[[], None] = _nothing
        self._manager = manager
        self._clock = clock

    def obey(self) -> None:
        """Handle signals from now on, also before there is an engine."""
        signal.signal(signal.SIGTERM, self._end)
        signal.signal(signal.SIGINT, self._end)
        signal.signal(signal.SIGHUP, self._end if os.isatty(0) else self._reload)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        self.ended.set()

    def _reload(self, _number: int, _frame: FrameType | None) -> None:
        self._manager.reloading(int(self._clock.elapsed() * 1_000_000))
        self.reload()
        self._manager.ready("reading the job files again")


def _nothing() -> None:
    """Do nothing: no engine has been started yet."""


def _signers_file(name: str | None, ref: str) -> Path | None:
    """The file with the keys that may sign, in the form of ssh-keygen(1), ALLOWED SIGNERS."""
    if name is None:
        return None
    if not ref:
        raise click.UsageError("--git-signers limits whose commits are applied; it needs --git REF")
    path = Path(name).absolute()
    if not path.is_file():
        raise click.UsageError(f"--git-signers: there is no file {name}")
    return path
