"""The keys of other tools, and what each is called here. Imported only to explain an unknown key."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from jobfile.diagnostics.suggest import fold
from jobfile.model.namedtuple import NamedTuple
from jobfile.schema.foreign_advice import (
    CRON_FIELDS,
    Advice,
    Advise,
    Word,
    action,
    after_jobs,
    after_steps,
    allowed_to_fail,
    cancel_in_progress,
    cpu_limit,
    cron_fields,
    env_file,
    executor,
    kept_for,
    length,
    memory_limit,
    memory_limit_of_job,
    missed,
    no_overlap,
    notified,
    on_events,
    on_failure,
    period,
    policy,
    repeated,
    retries,
    retry_part,
    retry_policy,
    runs_on,
    same,
    several_commands,
    spread,
    strategy,
    switch,
    utc,
    with_value,
    write,
)

_NAME_ABOVE: Final = "the key above a job or step is its name"
_GROUP: Final = "a job has the groups of its user; another group is not supported"
_HOSTS: Final = "remove it, or name the labels of the hosts for this job: `runs_on: [LABEL]`"
_OUTPUT: Final = "remove it: the engine keeps all output;  jobfile logs JOB  shows it"
_AS_GROUP: Final = "write `command: [sudo, -n, -g, {}, --, ./job.sh]` and `new_privileges: true`"


class _Row(NamedTuple):
    """Words that have one meaning in some kinds of map."""

    kinds: str
    words: str
    advise: Advise


_JOB: Final = (
    # what runs
    _Row("job step", "script commands", several_commands),
    _Row("job step", "cmd", same("run", str)),
    _Row(
        "job step",
        "args entrypoint",
        write("did you mean `command`?", "all words are in one list: [program, argument]"),
    ),
    _Row("job step", "before_script pre_script ExecStartPre", write("put its lines first in `run`")),
    _Row("job step", "after_script post_script ExecStartPost", write("put its lines last in `run`")),
    _Row("job step", "ExecStart", same("run", str)),
    _Row("job step", "uses", action),
    _Row("step", "with", write("give them to the program as arguments, or write `env: {NAME: value}`")),
    _Row("job step", "image", with_value("write `container: {image: {}}`", "IMAGE")),
    _Row(
        "job step",
        "services sidecars",
        write("write `run: docker run -d --rm --name NAME IMAGE`"),
    ),
    _Row(
        "job step",
        "volumes volumeMounts mounts",
        write('write `container: {image: IMAGE, mounts: ["./data:/data"]}`'),
    ),
    _Row("job step", "executor type_config", executor),
    _Row("job", "run_as runAs runAsUser as_user become_user", same("user", str)),
    _Row(
        "step",
        "user run_as runAs runAsUser as_user become_user",
        with_value("write `user: {}` in the job", "NAME"),
    ),
    _Row("job", "securityContext become", write("write `user: NAME`")),
    _Row("step", "securityContext become", write("write `user: NAME` in the job")),
    _Row("job step", "group runAsGroup", with_value(_AS_GROUP, "NAME", note=_GROUP)),
    _Row("job", "resources memory mem_limit MemoryMax", memory_limit),
    _Row("step", "resources memory mem_limit MemoryMax", memory_limit_of_job),
    _Row("job step", "cpu cpus CPUQuota", cpu_limit),
    _Row("job", "niceness", same("nice", int)),
    _Row("step", "nice niceness", with_value("write `nice: {}` in the job", "10")),
    _Row("job step", "dir cwd workdir working-directory chdir", same("working_dir", str)),
    _Row("job", "tasks stages phases", same("steps", dict)),
    # its environment
    _Row("job step defaults", "environment variables envs env_vars", same("env", dict)),
    _Row("job step defaults", "dotenv envFile EnvironmentFile", env_file),
    _Row(
        "job step defaults", "envFrom", write("name each variable:  secrets: {NAME: file:/run/secrets/NAME}")
    ),
    _Row("job", "inputs parameters param arguments", same("params", dict)),
    _Row(
        "step",
        "inputs parameters params arguments",
        write("write `env: {NAME: value}`, or use `params` of the job"),
    ),
    # when
    _Row("job", "on", on_events),
    _Row("job", "cron crontab schedule_interval OnCalendar", same("schedule", str)),
    _Row("job", "interval frequency OnUnitActiveSec", period("write `schedule: {every: {}}`")),
    _Row("job schedule defaults", "tz time_zone zone", same("timezone", str)),
    _Row(
        "job schedule",
        "start_date startDate starts_at",
        with_value("write `from: {}` in `schedule`", "2026-01-31"),
    ),
    _Row(
        "job schedule",
        "end_date endDate ends_at",
        with_value("write `until: {}` in `schedule`", "2026-12-31"),
    ),
    _Row("schedule", "interval frequency period", period("write `every: {}`")),
    _Row("schedule", "expression crontab cron_expression", same("cron", str)),
    _Row("schedule", CRON_FIELDS, cron_fields),
    _Row("schedule", "jitter randomized_delay random_delay", length("spread")),
    _Row("schedule", "inputs params parameters", same("with", dict)),
    _Row("job", "RandomizedDelaySec random_delay splay", spread),
    _Row("job", "utc", utc),
    _Row("job defaults", "onMissed coalesce Persistent misfire_policy backfill", missed),
    _Row("job defaults", "startingDeadlineSeconds misfire_grace_time", length("start_deadline")),
    _Row("job", "active is_active", switch("enabled")),
    _Row("job", "suspend paused disabled is_paused skip", switch("enabled", is_opposite=True)),
    _Row("job", "depends depends_on dependsOn after upstream needs", after_jobs),
    _Row("step", "depends depends_on dependsOn after upstream", after_steps),
    _Row("job step", "when rules condition", same("if")),
    _Row(
        "job step",
        "preconditions precondition",
        write(
            'write `if: "run.attempt == 1"`, or test it in the script: `run: test -e FILE || exit 0`',
            note="`if` is an expression, not a command",
        ),
    ),
    _Row("job", "skipIfSuccessful", write("remove it: each due time gets one run")),
    _Row("job", "restartWaitSec", write("remove it: a run is never restarted while it is active")),
    _Row("job step", "repeatPolicy", repeated),
    # its limits
    _Row("job step defaults", "timeout-minutes timeout_min", length("timeout", scale=60)),
    _Row(
        "job step defaults",
        "timeout_sec timeoutSec timeout_seconds executionTimeout max_runtime TimeoutStartSec RuntimeMaxSec",
        length("timeout"),
    ),
    _Row(
        "job defaults", "activeDeadlineSeconds", length("timeout", note="`timeout` counts for each attempt")
    ),
    _Row(
        "job defaults",
        "killTimeout terminationGracePeriodSeconds maxCleanUpTimeSec stop_grace_period TimeoutStopSec",
        length("kill_grace"),
    ),
    _Row(
        "step",
        "signalOnStop",
        write("remove it: a run that is stopped gets SIGTERM, and SIGKILL after `kill_grace`"),
    ),
    _Row(
        "job defaults",
        "max_active_runs max_instances maxConcurrentRuns parallelism",
        same("concurrency", int),
    ),
    _Row("job defaults", "concurrencyPolicy overlap_policy", policy),
    _Row("job defaults", "no-overlap singleton", no_overlap),
    _Row("concurrency", "group", same("key", str)),
    _Row("concurrency", "cancel-in-progress", cancel_in_progress),
    _Row("concurrency", "max max_parallel", same("limit", int)),
    _Row("job", "pool", same("queue", str)),
    _Row("job", "priority_weight", same("priority", int)),
    _Row("job", "strategy", strategy),
    _Row(
        "step",
        "parallel with_items withItems loop foreach",
        write("write `for_each: params.NAME`, where the param is a list"),
    ),
    _Row(
        "job",
        "parallel maxActiveSteps",
        write("in a step, `for_each` and `max_parallel` run several at once"),
    ),
    # what follows
    _Row(
        "job step defaults",
        "retries max_retries backoffLimit retry_limit max_attempts tries max_tries",
        retries,
    ),
    _Row("job step defaults", "retry_delay retry_interval retry_wait RestartSec", retries),
    _Row("job step defaults", "retryPolicy retry_policy", retry_policy),
    _Row("retry", "limit maximumRetries max_retries retries tries", retry_part),
    _Row(
        "retry",
        "maxAttempts interval intervalSec initialDelay wait maximumDelay maxInterval maxIntervalSec exitCode",
        retry_part,
    ),
    _Row(
        "retry",
        "backoffMultiplier multiplier",
        write("remove it: the wait doubles each time, or write `backoff: linear`"),
    ),
    _Row("step", "continue-on-error continueOn ignore_errors ignore_failure", allowed_to_fail),
    _Row(
        "job",
        "allow_failure continue-on-error continueOn ignore_errors ignore_failure",
        write("a step can have it:  steps: {main: {run: COMMAND, allow_failure: true}}"),
    ),
    _Row("job", "onFailure on_failure on_error", on_failure),
    _Row(
        "job",
        "onPermanentFailure on_failure_callback email_on_failure mailOnError errorMail",
        notified("failed"),
    ),
    _Row("job", "onSuccess on_success on_success_callback infoMail", notified("succeeded")),
    _Row("job", "handlerOn handlers notify_on mail_on smtp email alerts notifications", notified("failed")),
    _Row(
        "step",
        "onFailure on_failure on_error mailOnError onSuccess on_success",
        write("write `notify: {failed: [CHANNEL]}` in the job, with CHANNEL under `channels`"),
    ),
    _Row(
        "job step",
        "failsWhen fails_when",
        write(
            "remove it: a run fails if its exit code is not 0",
            "test the output in the script: `run: COMMAND > out; test ! -s out`, "
            "or fail a run that writes an error:  expect: {stderr: {empty: true}}",
        ),
    ),
    _Row(
        "expect",
        "output",
        write("write `log: {contains: done}`, or `stdout` or `stderr` for one of the two streams"),
    ),
    _Row(
        "step",
        "call",
        with_value(
            "write `run: jobfile run {}`, or start that job after this one, with its `triggers`", "JOB"
        ),
    ),
    _Row(
        "job step",
        "register output",
        write("write `outputs: {name: {type: string}}`, and append the value to $JOBFILE_OUTPUT"),
    ),
    _Row(
        "step",
        "stdout stderr",
        with_value("write `run: COMMAND > {}`, or leave it out: the engine keeps all output", "FILE"),
    ),
    # what it is called
    _Row("job step", "name id job_id task_id dag_id", write(note=_NAME_ABOVE)),
    _Row("job step", "comment summary note label doc desc", same("description", str)),
    _Row("step", "title", same("description", str)),
    _Row("job", "labels", same("tags", list)),
    # what the engine, or nothing here, does
    _Row("job", "stage only except", write("remove it; for an order of jobs:  triggers: [{after: JOB}]")),
    _Row("job", "runs-on runner agent", runs_on),
    _Row("job", "nodeSelector workerSelector tolerations affinity clusterPolicy", write(_HOSTS)),
    _Row(
        "step",
        "runs-on runner agent nodeSelector workerSelector tolerations affinity clusterPolicy",
        write("remove it: a job chooses its hosts, with `runs_on`, and not each step"),
    ),
    _Row(
        "job",
        "permissions serviceAccount serviceAccountName",
        write("remove it: a job has the rights of the engine's user"),
    ),
    _Row("job", "restartPolicy", write("remove it: a failed run is retried only if the job has `retry`")),
    _Row(
        "job",
        "successfulJobsHistoryLimit failedJobsHistoryLimit ttlSecondsAfterFinished histRetentionDays",
        kept_for,
    ),
    _Row(
        "job",
        "logDir captureStdout captureStderr saveLimit streamPrefix maxLineLength log_file",
        write(_OUTPUT),
    ),
    _Row("job", "statsd metrics", write("remove it: the engine reports on all jobs alike")),
)
_PARAM: Final = (
    _Row("param", "choices options values allowed", same("enum", list)),
    _Row("param", "regex regexp match", same("pattern", str)),
    _Row("param", "min", same("minimum", int, float)),
    _Row("param", "max", same("maximum", int, float)),
    _Row("param", "required optional", write("remove it: a param without `default` is required")),
    _Row("param", "comment help title summary", same("description", str)),
)
_FILE: Final = (
    _Row("file", "tasks workflows pipelines cronjobs", same("jobs", dict)),
    _Row("file", "notifications notifiers", same("channels", dict)),
    _Row("file", "constants", same("vars", dict)),
    _Row("file", "imports", same("include", list)),
    _Row("file", "smtp web logging", write("remove it: these are settings of the engine, not of a job file")),
)
ROWS: Final = (*_JOB, *_PARAM, *_FILE)


@cache
def words() -> Mapping[tuple[str, str], Advise]:
    """(kind of map, folded word) -> what to advise."""
    return {
        (kind, fold(word)): row.advise
        for row in ROWS
        for kind in row.kinds.split()
        for word in row.words.split()
    }


def advice_for(kind: str, word: Word) -> Advice | None:
    """The advice about a key in a kind of map; None if no other tool is known to have it.

    At the top of a file, keys of jobs are known too: other tools write one job in a file.
    """
    name = fold(word.key)
    advise = words().get((kind, name))
    if advise is not None:
        return advise(word)
    of_a_job = words().get(("job", name)) if kind == "file" else None
    return None if of_a_job is None else _in_a_job(of_a_job(word))


def _in_a_job(advice: Advice) -> Advice:
    texts = tuple(
        f"{text.removesuffix('?')} in a job?"
        if text.startswith("did you mean")
        else f"in a job, {text}"
        if text.startswith("write")
        else text
        for text in advice.help
    )
    return Advice(texts, advice.notes)
