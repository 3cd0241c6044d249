"""What each tool says about itself to an agent, its arguments, and the function that answers."""

from typing import Final

from engine.asking.simulating import MAX_DAYS
from engine.cli.agents import acting, reading
from engine.cli.agents.asking import AT, JOB, MATRIX, OWNERS, PARAMS, RUN_OR_JOB, SINCE, TAGS, UNTIL, WHY, Ask
from engine.cli.agents.output import LINES, MAX_LINES, output_of
from engine.cli.agents.reading import MAX_WAIT_SECONDS, WAIT_SECONDS
from engine.integrations.mcp_tools import READS, Argument, Effect, Kind
from jobfile.model.namedtuple import NamedTuple

MAX_LIMIT: Final = 500


class Described(NamedTuple):
    """A tool, without the place in which it asks."""

    name: str
    title: str
    about: str
    ask: Ask
    arguments: tuple[Argument, ...]
    schemas: tuple[str, ...]
    """The schema of the answer; several if it has one of several forms."""
    narrow: str
    effect: Effect
    is_waiting: bool


def described(
    name: str,
    title: str,
    about: str,
    ask: Ask,
    *arguments: Argument,
    schema: str | tuple[str, ...] = "",
    narrow: str,
    effect: Effect = READS,
    is_waiting: bool = False,
) -> Described:
    """A tool; its schema has its own name unless another is given."""
    schemas = (schema or name,) if isinstance(schema, str) else schema
    return Described(name, title, about, ask, arguments, schemas, narrow, effect, is_waiting)


_STATES: Final = Argument(name="states", kind=Kind.TEXTS, about="Only these states, such as failed and lost.")
_WAIT: Final = Argument(
    name="wait_seconds",
    kind=Kind.COUNT,
    most=MAX_WAIT_SECONDS,
    about=f"How long to wait for the end before answering [default: {WAIT_SECONDS}]; 0 answers at once.",
)
_STARTS: Final = Effect(is_read_only=False, is_idempotent=False, is_open=True)
_ENDS: Final = Effect(is_read_only=False, is_destructive=True)
_HOLDS: Final = Effect(is_read_only=False)


ABOUT_RUNS: Final = (
    described(
        "did",
        "Did a job run, did it succeed?",
        "Answers for one job whether it ran and succeeded: `answer` is succeeded, not_well, did_not_run, "
        "not_over, not_expected or overdue, and `line` says it in words. Without a time it is about the "
        "newest scheduled run. `job` may be a whole question: `weekly-report account=8812 last sunday`.",
        reading.did,
        RUN_OR_JOB,
        PARAMS,
        MATRIX,
        Argument(name="on", about="Every run of this day, week or month: 2026-11-23, 'last month'."),
        AT,
        narrow="`at` in place of `on`",
    ),
    described(
        "why",
        "Why did a run start or not, and how did it end?",
        "Everything known about one expected run: its schedule and the file it came from, overlaps, pauses, "
        "downtime, each attempt, retries, notifications, the last lines of output. Use it when `did` or "
        "`report` shows that something is not well.",
        reading.why,
        RUN_OR_JOB,
        Argument(name="time", about="A time, or a day for its worst run [default: the newest run]."),
        narrow="`time`",
    ),
    described(
        "report",
        "What was expected, and what are the results?",
        "Counts everything that was expected in a time, of one job or of all: succeeded, failed, skipped, "
        "missed, lost, overdue, open. Use it to find what is not well. Without times: the last 24 hours.",
        reading.report,
        Argument(name="job", about="Only this job."),
        SINCE,
        UNTIL,
        TAGS,
        OWNERS,
        narrow="`job`, `tags`, `owners`, or a later `since`",
    ),
    described(
        "list",
        "Which jobs are there?",
        "Every job with its newest result, its last ten, its next time, its owner and tags, and notes on "
        "pauses and on differences between the files and what is in force.",
        reading.list_jobs,
        TAGS,
        OWNERS,
        _STATES,
        narrow="`tags`, `owners` or `states`",
    ),
    described(
        "status",
        "Does the engine work?",
        "Whether the system itself is well: the engine, the jobs in force, rejected files, holds, queues, "
        "the disk, undelivered notifications. Use `report` for the jobs.",
        reading.status,
        narrow="`list` and `report`, which are about fewer jobs",
    ),
    described(
        "runs",
        "Which runs were there?",
        "The newest runs, of one job or of all, also those that did not happen. Use it to find the id of "
        "a run.",
        reading.runs,
        Argument(name="job", about="Only this job; or one run, by the beginning of its id."),
        SINCE,
        UNTIL,
        TAGS,
        OWNERS,
        _STATES,
        Argument(name="not_ok", kind=Kind.FLAG, about="Only runs that did not end well."),
        Argument(
            name="limit", kind=Kind.COUNT, least=1, most=MAX_LIMIT, about="How many runs [default: 20]."
        ),
        narrow="`job`, `states`, `since`, or a smaller `limit`",
    ),
    described(
        "logs",
        "What did a run write?",
        f"The output of a run, or of the newest run of a job: standard output and standard error together, "
        f"secrets masked. Without more, the last {LINES} lines of each attempt.",
        output_of,
        RUN_OR_JOB,
        Argument(name="step", about="Only this step; load[2] is the second item of a step with for_each."),
        Argument(name="attempt", kind=Kind.COUNT, least=1, most=1_000, about="Only this attempt."),
        AT,
        MATRIX,
        Argument(
            name="lines",
            kind=Kind.COUNT,
            least=1,
            most=MAX_LINES,
            about=f"How many lines [default: {LINES}].",
        ),
        Argument(
            name="offset",
            kind=Kind.COUNT,
            least=1,
            most=1_000_000_000,
            about="The first line, from 1 [default: so that the last lines are returned].",
        ),
        Argument(name="grep", about="Only lines that contain this text, letter by letter."),
        narrow="`lines`, `offset`, `grep`, `step` or `attempt`",
    ),
    described(
        "wait",
        "Wait for runs to end",
        "Waits until all of these runs are over, or the time is up, and returns them with their results, "
        "outputs and attempts. It changes nothing; if the time is up, call it again.",
        reading.wait,
        Argument(
            name="runs",
            kind=Kind.TEXTS,
            is_required=True,
            about="The ids of the runs, or their beginnings.",
        ),
        Argument(
            name="timeout_seconds",
            kind=Kind.COUNT,
            most=MAX_WAIT_SECONDS,
            about=f"How long to wait [default: {WAIT_SECONDS}].",
        ),
        narrow="fewer `runs`",
        is_waiting=True,
    ),
    described(
        "next",
        "When does something run next?",
        "The next times of one job, of all jobs in order of time, or of a cron expression or period "
        "('30 2 * * mon-fri', 10m), with changes of the clocks. Says if a pause prevents them.",
        reading.next_fires,
        Argument(name="job", about="A job, an expression or a period [default: all jobs]."),
        Argument(name="from", about="Start at this time [default: now]."),
        Argument(name="until", about="End at this time, or after this length: tomorrow, 6h."),
        Argument(name="timezone", about="The zone of an expression, such as Europe/Oslo [default: UTC]."),
        Argument(name="limit", kind=Kind.COUNT, least=1, most=MAX_LIMIT, about="How many times."),
        TAGS,
        OWNERS,
        narrow="`job`, `until` or `limit`",
    ),
)


ABOUT_FILES: Final = (
    described(
        "check",
        "Are the job files right?",
        "Finds every mistake in the job files, with line, explanation and fix. Use it after each edit of "
        "a job file. It starts nothing and changes nothing.",
        reading.check,
        Argument(name="file", about="Only this file, in the folder of the main file [default: all]."),
        schema="diagnostic",
        narrow="`file`",
    ),
    described(
        "show",
        "What is this job, with all its defaults?",
        "A job as it would run: every setting with its default filled in, and the place in the files that "
        "each comes from. Of a run: the job as that run used it.",
        reading.show,
        RUN_OR_JOB,
        narrow="another job",
    ),
    described(
        "plan",
        "What does a change of the job files mean?",
        "Compares two sets of job files, by default what is in force with the files as they are now: which "
        "jobs change, which future runs appear, move and vanish, and the risks. It changes nothing.",
        reading.plan,
        Argument(name="jobs", kind=Kind.TEXTS, about="Only these jobs."),
        Argument(
            name="from",
            about="The old side: engine (what is in force), engine:N, worktree, or a commit or branch.",
        ),
        Argument(name="to", about="The new side [default: worktree, the files as they are now]."),
        TAGS,
        OWNERS,
        narrow="`jobs`, `tags` or `owners`",
    ),
    described(
        "dry_run",
        "What would a run be?",
        "Shows what a run of a job would execute now: commands, environment, params, whether it would "
        "start or wait. Starts nothing and reads no secret. Use it before `run`.",
        reading.dry_run,
        JOB,
        PARAMS,
        MATRIX,
        Argument(name="at", about="The time that the run would be for, as its templates see it."),
        Argument(
            name="outputs",
            kind=Kind.VALUES,
            about="Suppose that steps had these outputs: STEP.NAME, value.",
        ),
        schema="dry-run",
        narrow="`matrix`",
    ),
    described(
        "simulate",
        "What would the jobs do over some days?",
        "Runs the engine's own rules on a virtual clock over the job files as they are now: runs, skips, "
        "waits, retries, load, changes of the clocks. Starts nothing. Use it after a change of schedules.",
        reading.simulation,
        Argument(name="from", about="Start [default: today 00:00, UTC]."),
        Argument(name="days", kind=Kind.COUNT, least=1, most=MAX_DAYS, about="How many days [default: 7]."),
        Argument(name="down", kind=Kind.TEXTS, about="Times without an engine: 2026-03-10T01:00Z/6h."),
        Argument(name="assume", kind=Kind.TEXTS, about="Length of runs: 5m for all, JOB=5m, JOB.STEP=5m."),
        Argument(
            name="durations",
            choices=("p50", "p95"),
            about="Percentile of past lengths, where none is assumed [default: p50].",
        ),
        Argument(name="fail", kind=Kind.TEXTS, about="Chance that an attempt fails: JOB=0.1."),
        Argument(
            name="seed", kind=Kind.COUNT, most=1_000_000, about="Seed of the random numbers [default: 1]."
        ),
        narrow="fewer `days`",
    ),
)


ACTING: Final = (
    described(
        "run",
        "Run a job now",
        "Starts a run of a job and waits for its end, up to `wait_seconds`; the run continues after that. "
        "Returns the run with its verdict, outputs and attempts. Give a `key` that names the purpose: a "
        "second request with it starts nothing and returns the first run (`duplicate`).",
        acting.run,
        JOB,
        PARAMS,
        MATRIX,
        Argument(name="at", about="The time that the run is for, as its templates see it [default: now]."),
        Argument(
            name="key", about="Idempotency key, valid for 7 days: the same key never starts a second run."
        ),
        _WAIT,
        WHY,
        schema=("run", "wait"),
        narrow="`matrix`",
        effect=_STARTS,
        is_waiting=True,
    ),
    described(
        "retry",
        "Run a run again",
        "Starts a new run of the same job for the same time with the same params, after one that is over. "
        "A job with steps continues at the first step that has not succeeded.",
        acting.retry,
        Argument(name="job", is_required=True, about="The beginning of the run's id; or a job, with `at`."),
        AT,
        MATRIX,
        Argument(name="force", kind=Kind.FLAG, about="Even if it succeeded."),
        Argument(name="all_steps", kind=Kind.FLAG, about="Run all steps again."),
        Argument(name="original", kind=Kind.FLAG, about="With the definition of the old run."),
        _WAIT,
        WHY,
        schema=("run", "wait"),
        narrow="`logs`",
        effect=_STARTS,
        is_waiting=True,
    ),
    described(
        "cancel",
        "End a run",
        "Ends a run: SIGTERM to its processes, SIGKILL after the job's kill_grace. A run that is over stays "
        "as it is.",
        acting.cancel,
        Argument(name="run", is_required=True, about="At least 4 characters of the run's id."),
        Argument(name="kill", kind=Kind.FLAG, about="SIGKILL at once."),
        WHY,
        schema="run",
        narrow="`why`",
        effect=_ENDS,
        is_waiting=True,
    ),
    described(
        "pause",
        "Stop a job from running on its schedule",
        "Runs that fall due while the job is paused are recorded as skipped, and are not run later. Active "
        "runs continue.",
        acting.pause,
        JOB,
        Argument(name="until", about="Resume at this time, or after this length [default: never]."),
        WHY,
        narrow="`list`",
        effect=_ENDS,
    ),
    described(
        "resume",
        "Let a paused job run on its schedule again",
        "The opposite of `pause`. Runs that fell due while the job was paused are not run later.",
        acting.resume,
        JOB,
        WHY,
        narrow="`list`",
        effect=_HOLDS,
    ),
)
