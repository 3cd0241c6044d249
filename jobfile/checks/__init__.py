"""What a document means, looked at by one small function for each rule. All findings, in one pass."""

from collections.abc import Callable, Iterator

from jobfile.checks.fields import (
    check_action,
    check_command_is_no_shell,
    check_durations,
    check_literal_fields,
    check_retry_when,
    check_secrets,
    check_timeout_is_set,
)
from jobfile.checks.inputs import check_arguments, check_params, check_params_used, check_vars_used
from jobfile.checks.job import Job, jobs_of
from jobfile.checks.payloads import check_payloads
from jobfile.checks.schedules import (
    check_schedules,
    check_started_by_something,
    check_timeout_fits,
    check_timezone,
)
from jobfile.diagnostic import Diagnostic
from jobfile.document import Document

Check = Callable[[Job], Iterator[Diagnostic]]

CHECKS: tuple[Check, ...] = (
    check_action,
    check_durations,
    check_literal_fields,
    check_secrets,
    check_retry_when,
    check_timezone,
    check_schedules,
    check_params,
    check_arguments,
    check_payloads,
    check_params_used,
    check_timeout_is_set,
    check_timeout_fits,
    check_command_is_no_shell,
    check_started_by_something,
)
"""Every rule about one job. A new one is added here, with its case pair and its page."""


def check(document: Document) -> tuple[Diagnostic, ...]:
    """All findings about the meaning of a document whose shape is right."""
    jobs = tuple(jobs_of(document))
    found = [finding for job in jobs for rule in CHECKS for finding in rule(job)]
    return (*found, *check_vars_used(document, jobs))
