"""The end of each command's help: examples, and what its exit codes mean."""

from collections.abc import Mapping
from typing import Final

from engine.cli.exit_codes import BUG as _BUG
from engine.cli.exit_codes import (
    CHANGES,
    DID_NOT_RUN,
    GOOD,
    NOT_EXPECTED,
    NOT_OVER,
    NOT_WELL,
    OVERDUE,
    REFUSED,
    RISKS,
    TRY_AGAIN,
    UNREADABLE,
    USAGE,
    WOULD_NOT_RUN,
)
from jobfile.model.namedtuple import NamedTuple


class HelpPage(NamedTuple):
    """Examples of a command, and its exit codes besides those that all commands share."""

    examples: tuple[str, ...]
    exits: Mapping[int, str]


_DONE: Final = {GOOD: "done"}
_SHOWN: Final = {GOOD: "the answer is printed, whatever it is"}
_NO_FILE: Final = {UNREADABLE: "there is no job file, or it cannot be read"}
_NO_LEDGER: Final = {USAGE: "nothing is recorded yet"}
_NO_RUN: Final = {USAGE: "the job or run is unknown, or nothing is recorded yet"}

PAGES: Final[Mapping[str, HelpPage]] = {
    "init": HelpPage(
        ("jobfile init", "jobfile init nightly"),
        {GOOD: "the files exist; those that existed before are unchanged"},
    ),
    "fmt": HelpPage(
        (
            "jobfile fmt",
            "jobfile fmt --check jobs/*.yaml",
            "jobfile fmt --diff",
            "jobfile fmt --check --json",
        ),
        {
            GOOD: "the files are formatted now",
            NOT_WELL: "a file is not valid YAML; with --check: it would change, or has mistakes",
            UNREADABLE: "a file cannot be read",
        },
    ),
    "explain": HelpPage(
        (
            "jobfile explain JF203",
            "jobfile explain keys job",
            "jobfile explain keys --markdown > reference.md",
        ),
        {GOOD: "done", USAGE: "there is no such code or kind of keys"},
    ),
    "explain-schedule": HelpPage(
        (
            "jobfile explain-schedule '30 2 * * mon-fri' --timezone Europe/Oslo",
            "jobfile explain-schedule 10m --limit 3",
        ),
        {GOOD: "the expression is explained", USAGE: "it is not a cron expression, an alias or a period"},
    ),
    "schema": HelpPage(("jobfile schema > .jobfile.schema.json", "jobfile schema --cases"), _DONE),
    "lsp": HelpPage(
        ("jobfile lsp",), {GOOD: "the editor ended the session", USAGE: "the extra `lsp` is not installed"}
    ),
    "mcp": HelpPage(
        (
            "jobfile mcp -f /srv/shop/jobs.yaml",
            "jobfile mcp --allow run,cancel",
            "jobfile mcp --listen 127.0.0.1:8765",
        ),
        {
            GOOD: "the agent ended the session, or a signal ended the server",
            NOT_WELL: "it cannot listen on the address",
            USAGE: "an action or an address is not known, or the extra `mcp` is not installed",
        },
    ),
    "completion": HelpPage(
        (
            "jobfile completion bash > ~/.local/share/bash-completion/completions/jobfile",
            "jobfile completion fish > ~/.config/fish/completions/jobfile.fish",
            "jobfile completion zsh -- did nigh",
        ),
        _DONE,
    ),
    "check": HelpPage(
        (
            "jobfile check",
            "jobfile check jobs/*.yaml --strict",
            "jobfile check --fix --unsafe",
            "jobfile check --format github --changed-since origin/main",
        ),
        {
            GOOD: "the files are valid",
            NOT_WELL: "a file has an error, or a finding that --strict or --deny makes one",
            UNREADABLE: "a file cannot be read",
        },
    ),
    "test": HelpPage(
        ("jobfile test", "jobfile test tests/nightly.test.yaml -k retry", "jobfile test --junit results.xml"),
        {
            GOOD: "every case passed",
            NOT_WELL: "a case failed, or a file has errors",
            UNREADABLE: "there are no cases, or a file cannot be read",
        },
    ),
    "show": HelpPage(
        (
            "jobfile show nightly",
            "jobfile show 3f2a9c01",
            "jobfile show etl --graph text",
            "jobfile show change.plan",
        ),
        {
            GOOD: "the job is shown",
            NOT_WELL: "the files have errors",
            USAGE: "the job is unknown",
            **_NO_FILE,
        },
    ),
    "next": HelpPage(
        (
            "jobfile next",
            "jobfile next nightly --limit 10",
            "jobfile next '0 4 * * mon' --timezone Europe/Oslo",
        ),
        {
            GOOD: "the times are printed",
            NOT_WELL: "the files have errors",
            USAGE: "the job is unknown",
            **_NO_FILE,
        },
    ),
    "simulate": HelpPage(
        (
            "jobfile simulate --days 7",
            "jobfile simulate --down 2026-03-10T01:00Z/6h --fail nightly=0.1",
            "jobfile simulate --compare main",
        ),
        {GOOD: "the outcome is printed", NOT_WELL: "the files have errors", **_NO_FILE},
    ),
    "plan": HelpPage(
        (
            "jobfile plan",
            "jobfile plan --from main --to HEAD --format markdown",
            "jobfile plan nightly --from engine:6 --to engine:7",
            "jobfile plan --summary --owner ops",
            "jobfile plan --out change.plan",
        ),
        {
            GOOD: "the plan is printed",
            NOT_WELL: "the files have errors",
            CHANGES: "with --exit-code: something changes; with --detect-drift: something differs",
            RISKS: "with --fail-on risk: the plan has a risk",
            USAGE: "a side does not exist, or there is nothing to compare with",
            **_NO_FILE,
        },
    ),
    "apply": HelpPage(
        ("jobfile apply", "jobfile apply --yes --git HEAD", "jobfile apply change.plan"),
        {
            GOOD: "the jobs are in force, or nothing changes, or you answered no",
            NOT_WELL: "the files have errors",
            RISKS: "with --fail-on risk: the plan has a risk, and nothing was applied",
            REFUSED: "the saved plan is refused: it is out of date, or was changed",
            USAGE: "the saved plan was made for a ledger, and there is none",
            **_NO_FILE,
        },
    ),
    "comment": HelpPage(
        ("jobfile plan --format markdown | jobfile comment --github",),
        {GOOD: "the comment is posted", NOT_WELL: "the forge refused it, or did not answer"},
    ),
    "generations": HelpPage(
        ("jobfile generations", "jobfile generations --limit 3 --json"),
        {**_SHOWN, **_NO_LEDGER},
    ),
    "up": HelpPage(
        ("jobfile up", "jobfile up --apply manual", "jobfile up --git origin/main", "jobfile up --for 1h"),
        {
            GOOD: "it was stopped, or the time of --for is over",
            NOT_WELL: "it cannot start, or an error ended it",
            TRY_AGAIN: "another engine is running here",
        },
    ),
    "serve": HelpPage(
        (
            "jobfile serve --listen 127.0.0.1:8420",
            "jobfile serve",
            "jobfile serve --listen 10.0.0.5:8420 --host jobs.example.org --behind-proxy",
        ),
        {
            GOOD: "it was stopped",
            NOT_WELL: "it cannot start: the address is taken, a file is open to others, a package is missing",
            USAGE: "the address would let others listen in",
        },
    ),
    "ui": HelpPage(
        ("jobfile ui", "jobfile ui --no-browser"),
        {
            GOOD: "the page is open, or its address is printed",
            NOT_WELL: "the page is not served at an address",
        },
    ),
    "token": HelpPage(
        (
            "jobfile token add deploy --role operator --jobs 'report-*' --expires 90d",
            "jobfile token list",
            "jobfile token revoke deploy --why 'left the team'",
        ),
        {GOOD: "done", NOT_WELL: "there is a token of this name already; with revoke: there is none"},
    ),
    "run": HelpPage(
        (
            "jobfile run nightly",
            "jobfile run nightly -p day=2026-11-28 -p full=true",
            "jobfile run nightly --dry-run",
            "jobfile run nightly --key nightly-2026-11-28 --json --wait",
        ),
        {
            GOOD: "the run succeeded; with --detach: it is requested; with --dry-run: it would run",
            NOT_WELL: "the run did not succeed, or the files have errors",
            DID_NOT_RUN: "the run did not start",
            NOT_OVER: "the run is not over",
            WOULD_NOT_RUN: "with --dry-run: it would not run",
            USAGE: "the job is unknown, or a param has a wrong value",
            **_NO_FILE,
        },
    ),
    "wait": HelpPage(
        ("jobfile wait 3f2a9c01", "jobfile wait 3f2a9c01 77d01b2e --timeout 30m"),
        {
            GOOD: "every run succeeded",
            NOT_WELL: "a run did not succeed",
            DID_NOT_RUN: "a run did not start",
            NOT_OVER: "the time is up, or no engine is running to start a run",
        },
    ),
    "cancel": HelpPage(
        ("jobfile cancel 3f2a9c01 --why 'wrong day'", "jobfile cancel 3f2a9c01 --kill"),
        {GOOD: "the run has ended, or its end is requested", **_NO_RUN},
    ),
    "pause": HelpPage(
        ("jobfile pause nightly --why 'the server moves'", "jobfile pause nightly --until 2026-11-30T08:00"),
        {
            GOOD: "the job is paused now, or was paused before",
            NOT_WELL: "it is paused until a different time",
            USAGE: "the job is unknown",
        },
    ),
    "resume": HelpPage(
        ("jobfile resume nightly",),
        {GOOD: "the job is not paused now, or was not before", USAGE: "the job is unknown"},
    ),
    "export": HelpPage(
        (
            "jobfile export kubernetes > jobfile.yaml",
            "jobfile export kubernetes --attempt",
            "jobfile export kubernetes --attempt 3f2a9c01 --pod pod.yaml",
            "jobfile export roles > roles.sql",
        ),
        {
            GOOD: "the manifests, or the roles, are printed",
            USAGE: "the run or the step is unknown, or the template of pods is not valid",
            UNREADABLE: "the template of pods cannot be read",
        },
    ),
    "attempt": HelpPage(
        (
            "jobfile attempt 3f2a9c01b7de4c5f8a9b0c1d2e3f4a5b 1",
            "jobfile attempt 3f2a9c01b7de4c5f8a9b0c1d2e3f4a5b 2 --step load --item 7",
        ),
        {
            GOOD: "the job's command ended with 0; or there was nothing to do: another host has the attempt, "
            "or the attempt is over",
            NOT_WELL: "the attempt was lost; or the job's command ended with 1 (any other exit "
            "code is passed on, too)",
            DID_NOT_RUN: "the job's command could not be started",
            USAGE: "the attempt was never offered to hosts",
            TRY_AGAIN: "the attempt still waits for a host, because it could not be executed here",
        },
    ),
    "hosts": HelpPage(
        (
            "jobfile hosts",
            "jobfile hosts drain worker-2 --why 'a new kernel' --wait",
            "jobfile hosts resume worker-2",
        ),
        {
            GOOD: "the hosts are printed; with drain or resume: the host is drained or resumed now",
            NOT_OVER: "with drain --wait: Ctrl-C, and something still runs there",
            USAGE: "no host has this name, or the ledger is not shared by hosts",
        },
    ),
    "status": HelpPage(
        ("jobfile status", "jobfile status --json"),
        {GOOD: "all is well", NOT_WELL: "something needs attention, or no engine is running"},
    ),
    "list": HelpPage(
        ("jobfile list", "jobfile list --tag nightly --in failed,missed"),
        {
            GOOD: "the jobs are listed, whatever their results",
            NOT_WELL: "there is no ledger, and the files have errors",
            UNREADABLE: "there is no ledger, and no job file that can be read",
        },
    ),
    "did": HelpPage(
        (
            "jobfile did nightly",
            "jobfile did nightly --on yesterday",
            "jobfile did nightly --at 2026-11-28T02:30",
            "jobfile did 3f2a9c01",
        ),
        {
            GOOD: "it succeeded",
            NOT_WELL: "it ran and did not succeed, or its end is unknown",
            DID_NOT_RUN: "it did not run, or could not be started",
            NOT_OVER: "it is not over, or not yet due",
            NOT_EXPECTED: "it was not expected then, or was never applied or run",
            OVERDUE: "it was due and nothing has started it: no engine is running, or starts are on hold",
            USAGE: "the job or run is unknown",
        },
    ),
    "why": HelpPage(
        ("jobfile why nightly", "jobfile why nightly yesterday 02:30", "jobfile why 3f2a9c01"),
        {GOOD: "the answer is printed, whatever the run's result", USAGE: "the job, run or time is unknown"},
    ),
    "logs": HelpPage(
        (
            "jobfile logs nightly",
            "jobfile logs nightly --follow",
            "jobfile logs nightly --at 02:30 --matrix region=eu",
        ),
        {GOOD: "the output is shown", **_NO_RUN},
    ),
    "outputs": HelpPage(
        ("jobfile outputs nightly", "jobfile outputs 3f2a9c01 --json"),
        {GOOD: "the outputs are printed", **_NO_RUN},
    ),
    "artifacts": HelpPage(
        ("jobfile artifacts nightly", "jobfile artifacts 3f2a9c01 '*.pdf' --to out"),
        {
            GOOD: "the files are listed, or all are written",
            NOT_WELL: "with --to, a file is not written, or there is none",
            **_NO_RUN,
        },
    ),
    "runs": HelpPage(
        ("jobfile runs", "jobfile runs nightly --limit 5", "jobfile runs --not-ok"), {**_SHOWN, **_NO_RUN}
    ),
    "report": HelpPage(
        (
            "jobfile report",
            "jobfile report nightly --since 7d",
            "jobfile report --on 'last month' --compare",
            "jobfile report --tag night --on yesterday --format junit > report.xml",
        ),
        {
            GOOD: "all is well",
            NOT_WELL: "a run failed, timed out, was missed, lost or is overdue, its end is not recorded, "
            "or a job is late",
            _BUG: "the counts do not add up, which is a bug",
        },
    ),
    "audit": HelpPage(
        ("jobfile audit", "jobfile audit verify", "jobfile audit verify --head 5d41402abc4b"),
        {
            GOOD: "the records are printed; with verify: none is missing or changed",
            NOT_WELL: "with verify: the chain is broken, or the hash is not in it",
            **_NO_LEDGER,
        },
    ),
    "doctor": HelpPage(
        ("jobfile doctor", "jobfile doctor --json"),
        {GOOD: "nothing needs attention", NOT_WELL: "there is an error or a warning"},
    ),
    "retry": HelpPage(
        (
            "jobfile retry 3f2a9c01",
            "jobfile retry nightly --at 02:30",
            "jobfile retry nightly --failed --since yesterday",
            "jobfile retry --failed --dry-run",
        ),
        {
            GOOD: "the new run succeeded; with --detach or --failed: the new runs are requested",
            NOT_WELL: "the new run did not succeed, or the old one cannot be retried",
            DID_NOT_RUN: "the new run did not start",
            NOT_OVER: "the new run is not over",
            **_NO_RUN,
        },
    ),
    "backfill": HelpPage(
        (
            "jobfile backfill nightly --from 2026-11-01 --to 2026-11-08",
            "jobfile backfill nightly",
            "jobfile backfill nightly --stop",
        ),
        {
            GOOD: "the backfill is recorded, shown or stopped",
            NOT_WELL: "it cannot begin: another one is not over, or the job has no schedule",
            **_NO_RUN,
        },
    ),
    "rollback": HelpPage(
        ("jobfile rollback", "jobfile rollback 6 --yes"),
        {
            GOOD: "the generation is in force again, or nothing changes, or you answered no",
            NOT_WELL: "it cannot be put in force",
            USAGE: "there is no such generation",
        },
    ),
    "metrics": HelpPage(
        (
            "jobfile metrics",
            "jobfile metrics --listen 127.0.0.1:9464",
            "jobfile metrics --textfile /var/lib/node_exporter/jobfile.prom",
        ),
        {
            GOOD: "the metrics are printed or written, whatever they say",
            NOT_WELL: "the port is taken, or the file cannot be written",
            USAGE: "nothing is recorded yet, or the extra `metrics` is not installed",
        },
    ),
    "notify": HelpPage(
        (
            "jobfile notify test oncall",
            "jobfile notify preview nightly failed",
            "jobfile notify preview mail digest",
            "jobfile notify preview 3f2a recovered --json",
        ),
        {
            GOOD: "the channel got the test message; with preview: the message is printed",
            NOT_WELL: "the channel did not get the test message, or the job files have errors",
            USAGE: "the channel, job, run or event is unknown",
            UNREADABLE: "a job file cannot be read",
        },
    ),
    "migrate": HelpPage(
        (
            "jobfile migrate --to postgresql://jobfile@db.example.org/jobs --dry-run",
            "jobfile migrate --to sqlite:///srv/jobs/ledger.db",
        ),
        {GOOD: "the ledger is there now; with --dry-run: it can be moved", **_NO_LEDGER},
    ),
    "clock": HelpPage(
        ("jobfile clock", "jobfile clock accept --why 'the battery was empty'"),
        {
            GOOD: "the engine believes the clock; with accept: your confirmation is recorded",
            NOT_WELL: "the engine does not believe the clock, and starts nothing",
            **_NO_LEDGER,
        },
    ),
}
