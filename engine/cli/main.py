"""The command `jobfile`: its commands, and how every error is handled."""

import gc

gc.disable()  # imports make hardly any garbage, and searching for it took 4 ms of each start

import contextlib
import importlib
import itertools
import signal
import sys
from collections.abc import Callable, Sequence

import click

from engine.cli.exit_codes import BROKEN_OFF, BUG, GOOD, UNWRITTEN, USAGE
from engine.cli.streams import UnwrittenError, checked_streams, give_up
from engine.host.encoding import print_anything, use_utf8
from engine.host.environment import environment
from jobfile import __version__
from jobfile.diagnostics.escapes import message

gc.freeze()  # what was imported stays
gc.enable()

GROUPS = {
    "Write": {
        "init": "write a working jobs.yaml, and the schema for an editor",
        "fmt": "format job files; comments are kept",
        "explain": "what a diagnostic's code or a key of a job file means",
        "explain-schedule": "what a cron expression or a period means",
        "schema": "print the JSON Schema of job files",
        "lsp": "serve an editor",
        "completion": "complete command lines in bash, zsh or fish",
    },
    "Check": {
        "check": "find every mistake in job files",
        "test": "run the test cases beside the jobs",
        "show": "a job with all its defaults, and the origin of each value",
        "next": "when a job, or a cron expression, fires next",
        "simulate": "what the jobs would do in a month",
    },
    "Review": {
        "plan": "what a change means for future runs",
        "apply": "put the job files, or a saved plan, in force",
        "comment": "put a plan on its pull request",
        "generations": "what was in force when, by whom, from which commit",
    },
    "Run": {
        "up": "run the engine in the foreground",
        "serve": "serve the page and the API",
        "ui": "open the page in a browser, signed in",
        "token": "who may use the page and the API",
        "run": "run a job now and follow it",
        "wait": "wait for runs to end",
        "cancel": "end a run, or several",
        "pause": "stop jobs from running on their schedules",
        "resume": "let paused jobs run again",
        "export": "print manifests for Kubernetes, or roles for PostgreSQL",
        "attempt": "execute one attempt, as a cluster starts it",
    },
    "Answer": {
        "status": "does the engine work?",
        "hosts": "which hosts share the ledger, and what each runs",
        "list": "every job: its last results, its next time, its owner",
        "did": "did this job run, did it succeed?",
        "why": "why a run was started or not, and how it ended",
        "logs": "what a run wrote",
        "outputs": "the values that a run returned by name",
        "artifacts": "the files that a run kept",
        "runs": "the newest runs",
        "report": "everything expected, and the results",
        "metrics": "the numbers for a monitoring system",
        "notify": "test a channel, or print a message",
        "audit": "who changed what, and whether the record is complete",
        "mcp": "serve an agent: the answers as tools",
    },
    "Repair": {
        "doctor": "are the machine and the ledger sound?",
        "retry": "run a job's run again",
        "backfill": "run past occurrences of a schedule",
        "rollback": "put an earlier generation in force again",
        "clock": "whether the engine believes the clock",
        "migrate": "move the ledger to another database",
    },
}
"""The groups of `jobfile --help`: in each, the commands in the order of use."""

COMMANDS = {name: about for group in GROUPS.values() for name, about in group.items()}

LASTING = ("up", "serve", "lsp", "mcp", "run", "wait", "metrics", "attempt")
"""Commands that may run for long."""
OBJECTS_BETWEEN_SEARCHES = 200_000
"""How many objects a short command makes before Python searches them for garbage: it finds almost none, and
the usual searches took `check` of 10,000 jobs a sixth of its time.
"""

SERVER = "JOBFILE_SERVER"
"""The variable with the server that commands ask."""
ELSEWHERE = {"ls": "list", "ps": "list", "history": "runs", "stop": "cancel", "kill": "cancel"}
"""Words of other tools, with the command here."""


class HelpedCommand(click.Command):
    """A command whose help ends with examples and the meanings of its exit codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; a value of a param without its option gets advice."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            bare = next((one for one in given if "=" in one and f"argument ({one}" in error.message), None)
            if bare is not None and any("-p" in param.opts for param in self.params):
                # As below: click declares it final.
                error.message += f"; the value of a param follows -p:  -p {bare}"  # type: ignore[misc]
            raise

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. A question that is wrong is shown as a wrong command line."""
        from engine.core.errors import JobfileError, WrongUsageError  # noqa: PLC0415  start-up time: `--help` needs none

        try:
            return super().invoke(ctx)
        except WrongUsageError as error:
            raise click.UsageError(str(error), ctx=ctx) from error
        except JobfileError as error:
            if error.is_reported:
                from engine.cli.findings import print_report  # noqa: PLC0415  start-up time: only after an error

                print_report(error)
            raise

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  click's signature
        """Write the examples and the exit codes."""
        from engine.cli.help_pages import PAGES  # noqa: PLC0415  start-up time: only for --help

        page = PAGES[str(self.name)]
        with formatter.section("Examples"):
            formatter.write("".join(f"{' ' * formatter.current_indent}{one}\n" for one in page.examples))
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), about) for code, about in page.exits.items()])


class Commands(click.Group):
    """Loads the module of a command when the command is used, to start fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        """The commands in the order in which users need them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command with this name."""
        if name not in COMMANDS:
            return None
        module = importlib.import_module(f"engine.cli.commands.{name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        callback = _at_server(ctx, name) or command.callback
        return HelpedCommand(name, callback=callback, params=command.params, help=command.help)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The groups for --help, without loading any command."""
        longest = max(map(len, self.list_commands(ctx)))
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(longest), about) for name, about in commands.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command gets suggestions."""
        if args and args[0] not in COMMANDS:
            from jobfile.diagnostics.suggest import suggest  # noqa: PLC0415  start-up time: only after a mistake

            if args[0] in ELSEWHERE:
                ctx.fail(f"There is no command '{args[0]}': the command is '{ELSEWHERE[args[0]]}'.")
            near = suggest(args[0], COMMANDS)
            hint = f" Did you mean {' or '.join(near)}?" if near else ""
            ctx.fail(f"There is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)


def _at_server(ctx: click.Context, name: str) -> Callable[..., object] | None:
    """What a command does with the server that is named; None without one."""
    given = ctx.params.get("server")
    server = given or environment().get(SERVER, "")
    if not server:
        return None
    from engine.cli.remote.registry import asked_of  # noqa: PLC0415  start-up time: only with a server

    return asked_of(name, server, is_explicit=given is not None)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="jobfile")
@click.option(
    "--server",
    metavar="URL",
    help="Ask this server: https://jobs.example.org, or unix:PATH of a socket [default: $JOBFILE_SERVER, "
    "else the state folder here].",
)
def group(server: str | None) -> None:
    """Jobs, retries and schedules in YAML; and for each: did it run, did it succeed?

    State lives in .jobfile beside the job file. With --server, most commands ask a different machine; the
    token for it is in JOBFILE_TOKEN, or in the file that JOBFILE_TOKEN_FILE names. All commands but
    schema, lsp, completion, comment, serve, metrics, mcp and export take --json.

    Besides its own exit codes, each command uses: 64 wrong usage, 65 a file cannot be read, 70 a bug in
    jobfile, 74 the output could not be written, 75 the ledger cannot be used now.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code.

    Signals are unblocked first: a parent process may have blocked them, and then nothing could end this one.
    """
    use_utf8()
    print_anything(environment())
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if not any(one in LASTING for one in sys.argv[1:2]):
        gc.set_threshold(OBJECTS_BETWEEN_SEARCHES)
    code = run(arguments)
    gc.freeze()  # otherwise Python would search all for garbage at its end: a seventh of the time of `did`
    sys.exit(code)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code.

    Neither a user's mistake nor a full disk prints a traceback.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with checked_streams():
            code = _run(given)
            if sys.stdout is not None:
                sys.stdout.flush()
    except BrokenPipeError:
        return _quiet_end()
    except UnwrittenError as error:
        with contextlib.suppress(OSError):
            click.echo(f"error: cannot write: {error.strerror}", err=True)
        give_up()
        return UNWRITTEN
    return code


def _run(arguments: Sequence[str]) -> int:
    try:
        code = group.main(args=list(arguments), prog_name="jobfile", standalone_mode=False)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        # click declares it final, but only reads it to show it.
        error.message = message(error.message)  # type: ignore[misc]
        error.show()
        if _wants_json(arguments):
            context = error.ctx if isinstance(error, click.UsageError) else None
            advice = f"see the help:  {context.command_path} --help" if context else ""
            _print_failure("USAGE", error.message, advice=advice)
        return USAGE if isinstance(error, click.UsageError) else error.exit_code
    except click.exceptions.Abort:
        if _wants_json(arguments):
            _print_failure("INTERRUPTED", "the command was stopped with Ctrl-C")
        return BROKEN_OFF
    except (BrokenPipeError, UnwrittenError):
        raise
    except Exception as error:  # noqa: BLE001  the one door for errors
        return _print_error(error, as_json=_wants_json(arguments))
    return code if isinstance(code, int) else GOOD


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether the user asks for JSON, also on a command line that click cannot read."""
    before = list(arguments)[: arguments.index("--")] if "--" in arguments else list(arguments)
    forms = [f"{one}={two}" for one, two in itertools.pairwise(before)]
    return "--json" in before or "--format=json" in (*before, *forms)


def _print_failure(code: str, text: str, *, advice: str = "") -> None:
    """Print an error as JSON on one line, where programs expect the answer."""
    import json  # noqa: PLC0415  start-up time: only after an error

    from engine.answers.failure import failure_to_json  # noqa: PLC0415  start-up time: only after an error
    from engine.core.errors import ErrorCode  # noqa: PLC0415  start-up time: only after an error

    click.echo(json.dumps(failure_to_json(ErrorCode[code], text, advice=advice)))


def _quiet_end() -> int:
    """End without further output: its reader is gone."""
    sys.stderr.close()
    return GOOD


def _print_error(error: Exception, *, as_json: bool) -> int:
    from engine.core.errors import JobfileError  # noqa: PLC0415  start-up time: only after an error

    if isinstance(error, JobfileError):
        text = message(str(error))
        if not error.is_reported:
            click.echo(f"error: {text}", err=True)
        if as_json:
            _print_failure(error.code.name, text, advice=error.advice)
        return error.exit_code
    from engine.cli.bugs import bug_words  # noqa: PLC0415  start-up time: only after a bug

    text = bug_words(error)
    click.echo(f"error: {text}", err=True)
    if as_json:
        _print_failure("BUG", text)
    return BUG


if __name__ == "__main__":
    main()
