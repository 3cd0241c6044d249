"""Checks the meaning of a set of files: one small function for each rule, all findings in one pass."""

from collections.abc import Callable, Iterator
from datetime import datetime

from jobfile.checks.channels import check_digests, check_quiet
from jobfile.checks.clock_reads import check_reads_no_clock
from jobfile.checks.containers import check_container
from jobfile.checks.crowding import check_crowds
from jobfile.checks.fields import (
    check_action,
    check_command_is_no_shell,
    check_durations,
    check_exclusive_fields,
    check_literal_fields,
    check_retry_when,
    check_secrets,
    check_sizes,
    check_skip_exit,
    check_timeout_is_set,
    check_umask,
)
from jobfile.checks.hosts import check_labels
from jobfile.checks.inputs import (
    check_arguments,
    check_matrix,
    check_outputs,
    check_params,
    check_params_apart,
)
from jobfile.checks.intervals import (
    check_deadline_fits,
    check_expect_can_hold,
    check_not_over,
    check_spread,
    check_timeout_fits,
    check_tries_fit,
    check_tries_have_pauses,
)
from jobfile.checks.kept_files import check_artifacts, check_env_files
from jobfile.checks.lints import (
    check_described,
    check_params_used,
    check_started_by_something,
)
from jobfile.checks.outcomes import check_outcomes, check_shortest
from jobfile.checks.payloads import check_condition, check_loop, check_payloads
from jobfile.checks.places import check_timezone, check_zone_of_times
from jobfile.checks.plain_secrets import check_file_secrets, check_plain_secrets
from jobfile.checks.privileges import check_gained_rights, check_reserved_names
from jobfile.checks.readers import check_other_readers
from jobfile.checks.references import (
    check_after,
    check_calendar_names,
    check_chains,
    check_channel_names,
    check_jobs_once,
    check_needs,
    check_queue_name,
    check_renamed_from,
)
from jobfile.checks.requests import check_headers, check_no_pointers, check_ping, check_pointers, check_url
from jobfile.checks.schedules import check_schedules
from jobfile.checks.sections import check_calendars, check_channels, check_unused, check_vars
from jobfile.checks.shells import check_bash_in_sh, check_failures_are_seen
from jobfile.checks.triggers import (
    check_after_keys,
    check_cancels_what_it_retries,
    check_expect,
    check_triggers,
    check_watched_files,
    check_writes_where_it_watches,
)
from jobfile.checks.variables import (
    check_env_is_not_expanded,
    check_passed_variables,
    check_variables_are_given,
)
from jobfile.checks.webhooks import (
    check_webhook,
    check_webhook_path,
    check_webhook_paths,
    check_webhook_values,
)
from jobfile.checks.whose import with_jobs
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import FileSet, JobText, Payload

__all__ = [
    "FILE_CHECKS",
    "JOB_CHECKS",
    "PAYLOAD_CHECKS",
    "SECTION_CHECKS",
    "beyond",
    "check",
    "limits",
    "plain_secrets",
    "scripts",
    "suppression",
]

PAYLOAD_CHECKS: tuple[Callable[[Payload], Iterator[Diagnostic]], ...] = (
    check_action,
    check_durations,
    check_umask,
    check_sizes,
    check_literal_fields,
    check_secrets,
    check_env_files,
    check_retry_when,
    check_skip_exit,
    check_tries_have_pauses,
    check_outputs,
    check_exclusive_fields,
    check_condition,
    check_loop,
    check_payloads,
    check_timeout_is_set,
    check_command_is_no_shell,
    check_reads_no_clock,
    check_bash_in_sh,
    check_failures_are_seen,
    check_variables_are_given,
    check_env_is_not_expanded,
    check_passed_variables,
    check_gained_rights,
    check_container,
    check_reserved_names,
    check_url,
    check_headers,
    check_pointers,
)
"""Rules about actions: for a job and each of its steps."""

JOB_CHECKS: tuple[Callable[[JobText], Iterator[Diagnostic]], ...] = (
    check_needs,
    check_calendar_names,
    check_queue_name,
    check_labels,
    check_channel_names,
    check_ping,
    check_triggers,
    check_after_keys,
    check_watched_files,
    check_after,
    check_webhook,
    check_webhook_path,
    check_webhook_values,
    check_renamed_from,
    check_timezone,
    check_zone_of_times,
    check_schedules,
    check_spread,
    check_expect,
    check_outcomes,
    check_params,
    check_no_pointers,
    check_params_apart,
    check_arguments,
    check_artifacts,
    check_matrix,
    check_params_used,
    check_timeout_fits,
    check_deadline_fits,
    check_tries_fit,
    check_expect_can_hold,
    check_shortest,
    check_cancels_what_it_retries,
    check_writes_where_it_watches,
    check_described,
    check_started_by_something,
)
"""Rules about one job."""

FILE_CHECKS: tuple[Callable[[FileSet], Iterator[Diagnostic]], ...] = (
    check_jobs_once,
    check_chains,
    check_webhook_paths,
    check_crowds,
    check_plain_secrets,
    check_other_readers,
    check_unused,
)
"""Rules about several places."""

SECTION_CHECKS: tuple[Callable[[FileSet], Iterator[Diagnostic]], ...] = (
    check_vars,
    check_calendars,
    check_channels,
    check_quiet,
    check_digests,
    check_file_secrets,
)
"""Rules about the sections beside the jobs."""


def check(files: FileSet, *, now: datetime | None = None) -> tuple[Diagnostic, ...]:
    """All findings about the meaning of files that are not too large; without `now`, none about the past."""
    about_jobs = ((job, one) for job in files.jobs.values() for one in _check_job(job, now))
    rules = (*FILE_CHECKS, *SECTION_CHECKS)
    about_files = (finding for check_files in rules for finding in check_files(files))
    return (*with_jobs(files, about_jobs), *about_files)


def _check_job(job: JobText, now: datetime | None) -> Iterator[Diagnostic]:
    for rule in JOB_CHECKS:
        yield from rule(job)
    for payload in job.payloads:
        for each in PAYLOAD_CHECKS:
            yield from each(payload)
    if now is not None:
        yield from check_not_over(job, now)
