"""The tests that must notice changes, for each module: fast ones first, then more."""

from collections.abc import Mapping

Group = tuple[str, ...]
"""Tests that are run together; a module's groups are run one after another, until one notices."""

_ENGINE = ("tests/engine/test_engine.py", "tests/engine/test_faults.py", "tests/engine/test_past.py")
_SIMULATION = (
    "tests/engine/test_simulation.py",
    "tests/engine/test_simulated_events.py",
    "tests/cli/test_simulate.py",
)
_DID = ("tests/engine/test_did.py",)
_WHY = ("tests/engine/test_stories.py", "tests/engine/test_why.py")
_SMALL = ("tests/engine/test_edges.py",)
_OVERDUE = ("tests/engine/test_overdue.py",)
_ANSWERS = ("tests/cli/test_answers.py", "tests/cli/test_showing.py")
_STATUS = ("tests/engine/test_status_text.py", "tests/engine/test_status.py")
_VALUES = ("tests/engine/test_printed_answers.py", "tests/engine/test_printed_lists.py")
_PRINTED = ("tests/cli/test_printed_times.py",)
_UNSOUND = ("tests/doctor/test_findings.py",)
_EDGES = ("tests/doctor/test_invariants.py",)
_SCHEMAS = ("tests/cli/test_schemas.py",)
_LISTING = ("tests/engine/test_listing.py", "tests/cli/test_list.py")
_FILTERS = ("tests/cli/test_filters.py",)
_REPORT = ("tests/engine/test_report.py",)
_RUNS = ("tests/cli/test_runs.py",)
_CLI = (*_RUNS, "tests/cli/test_doctor.py")
_TIMES = ("tests/language/test_occurrences.py", "tests/language/test_cron.py")
_CRON = ("tests/language/test_cron.py", "tests/language/test_cron_mistakes.py")
_CRON_CASES = ("tests/language/test_cron_cases.py",)
_ENTRIES = ("tests/language/test_entries.py",)
_PLAN = ("tests/plan/test_plan.py", "tests/plan/test_outputs.py")

COVERING: Mapping[str, tuple[Group, ...]] = {
    path: tuple(groups)
    for path, *groups in (
        ("engine/core/due.py", ("tests/engine/test_due.py",), _SMALL, _ENGINE, _SIMULATION),
        ("engine/notifications/quiet.py", ("tests/engine/test_quiet.py",)),
        ("engine/notifications/digests.py", ("tests/engine/test_digests.py",)),
        ("engine/answers/digest.py", ("tests/engine/test_digests.py",)),
        ("engine/core/lateness.py", ("tests/engine/test_lateness.py",)),
        ("engine/core/usual.py", ("tests/engine/test_usual.py",)),
        ("engine/answers/metrics.py", ("tests/engine/test_metrics.py",)),
        ("engine/answers/placing.py", ("tests/hosts/test_commands.py",)),
        ("engine/answers/invariants/hosts.py", ("tests/hosts/test_commands.py",)),
        ("engine/answers/hosts.py", ("tests/hosts/test_commands.py",)),
        ("engine/core/hosts.py", ("tests/engine/test_hosts.py", "tests/hosts/test_commands.py")),
        ("engine/answers/moved.py", ("tests/cli/test_store.py",)),
        ("engine/core/traces.py", ("tests/engine/test_traces.py",)),
        ("engine/notifications/heartbeat.py", ("tests/engine/test_outside_watch.py",)),
        ("engine/answers/odd.py", ("tests/engine/test_usual.py",)),
        ("engine/core/access.py", ("tests/web/test_access.py",)),
        ("engine/transactions/access.py", ("tests/web/test_access.py",)),
        ("engine/answers/shared_fires.py", ("tests/engine/test_shared_fires.py",)),
        ("engine/answers/tokens.py", ("tests/cli/test_token.py",), _SCHEMAS),
        ("engine/core/expectations.py", ("tests/engine/test_expectations.py",)),
        ("engine/answers/gone.py", ("tests/engine/test_past.py",)),
        ("engine/answers/lateness.py", ("tests/engine/test_lateness.py",), _DID),
        ("engine/answers/retried.py", _DID, _WHY),
        ("engine/core/admission.py", ("tests/engine/test_admission.py",), _ENGINE, _SIMULATION),
        (
            "engine/core/retry.py",
            ("tests/engine/test_retry.py", "tests/engine/test_refusals.py"),
            _SMALL,
            _ENGINE,
            _SIMULATION,
        ),
        (
            "engine/core/lifecycle.py",
            ("tests/engine/test_lifecycle.py", "tests/engine/test_attempt_key.py"),
            ("tests/engine/test_retry.py", "tests/engine/test_admission.py"),
            (*_SMALL, "tests/store/test_sqlite.py"),
            _ENGINE,
            _CLI,
        ),
        ("engine/core/following.py", ("tests/engine/test_following.py",)),
        ("engine/transactions/following.py", ("tests/engine/test_following.py",)),
        ("engine/answers/following.py", ("tests/engine/test_following_answers.py",), _DID),
        ("engine/transactions/account.py", _SMALL, _ENGINE, _ANSWERS, _SIMULATION),
        ("engine/transactions/trigger_events.py", ("tests/engine/test_trigger_events.py",)),
        ("engine/transactions/keys.py", ("tests/engine/test_trigger_events.py",)),
        ("engine/transactions/backfill.py", ("tests/engine/test_backfill.py",)),
        ("engine/transactions/webhooks.py", ("tests/engine/test_webhooks.py",)),
        ("engine/core/webhooks.py", ("tests/engine/test_webhooks.py",)),
        ("engine/core/webhook_proofs.py", ("tests/engine/test_webhook_proofs.py",)),
        ("engine/triggers/schedule.py", ("tests/engine/test_triggers.py",), _SMALL, _ENGINE, _SIMULATION),
        (
            "engine/transactions/apply.py",
            _SMALL,
            _ENGINE,
            ("tests/cli/test_plan.py", "tests/plan/test_truth.py"),
            _CLI,
        ),
        ("engine/core/clocks.py", ("tests/engine/test_clocks.py",), _ENGINE),
        (
            "engine/loops/clock_guard.py",
            ("tests/engine/test_clock_guard.py",),
            ("tests/engine/test_clocks.py",),
            _ENGINE,
            _CLI,
        ),
        ("engine/transactions/pause.py", ("tests/engine/test_pauses.py",), _SMALL, _ENGINE, _CLI),
        (
            "engine/transactions/rebind.py",
            ("tests/engine/test_rebinding.py",),
            _ENGINE,
            ("tests/plan/test_truth.py",),
        ),
        ("engine/core/steps.py", ("tests/engine/test_steps.py",), ("tests/engine/test_step_runs.py",)),
        ("engine/transactions/steps.py", ("tests/engine/test_step_runs.py",)),
        ("engine/core/outputs.py", ("tests/engine/test_outputs.py", "tests/engine/test_refusals.py")),
        ("engine/core/notices.py", ("tests/engine/test_notices.py",), _ENGINE),
        ("engine/notifications/noting.py", ("tests/engine/test_notifications.py",), _ENGINE),
        (
            "engine/notifications/message.py",
            ("tests/engine/test_message.py",),
            ("tests/engine/test_sending.py",),
        ),
        ("engine/notifications/batches.py", ("tests/engine/test_sending.py",)),
        ("engine/answers/notifications.py", ("tests/engine/test_sending.py",)),
        (
            "engine/transactions/stop.py",
            ("tests/engine/test_stopping.py",),
            ("tests/engine/test_removed.py",),
            _ENGINE,
        ),
        (
            "engine/ledger/health.py",
            ("tests/engine/test_ledgerguard.py",),
            ("tests/engine/test_preparing.py",),
        ),
        ("engine/answers/did.py", _DID, _SMALL, (*_WHY, "tests/engine/test_past.py"), _ANSWERS, _OVERDUE),
        ("engine/answers/why.py", _SMALL, _WHY, _ANSWERS),
        ("engine/answers/expected.py", _WHY, _DID, _OVERDUE, _ANSWERS),
        ("engine/answers/report.py", _REPORT, (*_OVERDUE, "tests/engine/test_past.py"), _WHY, _ANSWERS),
        ("engine/answers/counting.py", _REPORT, (*_OVERDUE, "tests/engine/test_past.py"), _WHY, _ANSWERS),
        *((f"engine/answers/{one}.py", _REPORT) for one in ("days", "medians", "problems", "squares")),
        *(
            (f"engine/answers/report_{one}.py", _REPORT)
            for one in ("compare", "csv", "json", "junit", "markdown", "page")
        ),
        ("engine/answers/status.py", _STATUS, _WHY, _ANSWERS, _PRINTED),
        (
            "engine/answers/findings.py",
            ("tests/doctor/test_output.py",),
            _UNSOUND,
            ("tests/cli/test_doctor.py",),
        ),
        ("engine/answers/facts.py", ("tests/engine/test_facts.py",), _WHY, _OVERDUE, _ANSWERS),
        ("engine/answers/fates.py", ("tests/engine/test_presence.py",), _ANSWERS),
        ("engine/answers/newest.py", _DID, _WHY, _ANSWERS),
        ("engine/answers/overdue.py", _OVERDUE, _ANSWERS),
        ("engine/answers/presence.py", ("tests/engine/test_presence.py",), _OVERDUE, _ANSWERS),
        ("engine/answers/waiting.py", ("tests/engine/test_queues.py",), _VALUES, _STATUS),
        ("engine/answers/reasons.py", ("tests/engine/test_reasons.py",), _WHY, _ANSWERS, _ENGINE),
        ("engine/answers/as_json.py", _VALUES, _RUNS, _ANSWERS),
        ("engine/answers/asked.py", _WHY, _ANSWERS),
        ("engine/answers/audit.py", _VALUES, ("tests/cli/test_audit.py",)),
        (
            "engine/answers/agenda.py",
            _VALUES,
            ("tests/engine/test_agenda.py",),
            ("tests/cli/test_next_entries.py",),
        ),
        ("engine/answers/choice.py", _VALUES, _LISTING, _FILTERS),
        ("engine/answers/listing.py", _VALUES, _LISTING, _SCHEMAS),
        ("engine/answers/listing_text.py", _VALUES, _LISTING),
        ("engine/answers/clock.py", _VALUES, _SCHEMAS, _CLI),
        ("engine/answers/explained.py", _VALUES, _SCHEMAS),
        ("engine/answers/failure.py", ("tests/cli/test_conventions.py",)),
        ("engine/answers/generations.py", _VALUES, _ANSWERS, _SCHEMAS),
        ("engine/answers/graph.py", ("tests/engine/test_graph.py",)),
        ("engine/answers/logs.py", _VALUES, _FILTERS, _RUNS, _SCHEMAS),
        ("engine/answers/steps.py", ("tests/engine/test_step_runs.py",), ("tests/cli/test_steps.py",)),
        ("engine/answers/combinations.py", ("tests/cli/test_matrix.py",), _VALUES, _SCHEMAS),
        ("engine/answers/formatted.py", ("tests/cli/test_fmt.py",), _SCHEMAS),
        ("engine/answers/courses.py", ("tests/engine/test_courses.py",)),
        ("engine/answers/artifacts.py", ("tests/cli/test_artifacts.py",), _VALUES, _SCHEMAS),
        ("engine/answers/outputs.py", _VALUES, ("tests/cli/test_outputs.py",), _SCHEMAS),
        ("engine/answers/notify.py", ("tests/cli/test_notify.py",)),
        ("engine/answers/pauses.py", _VALUES, _ANSWERS, _SCHEMAS, ("tests/cli/test_many.py",)),
        (
            "engine/answers/backfills.py",
            ("tests/engine/test_backfill.py", "tests/cli/test_many.py"),
            _SCHEMAS,
        ),
        ("engine/answers/cancelling.py", ("tests/cli/test_many.py",), _SCHEMAS),
        ("engine/answers/report_text.py", _REPORT, _VALUES, _FILTERS, _ANSWERS, _OVERDUE),
        ("engine/answers/requested.py", _VALUES, ("tests/cli/test_keys.py",), _SCHEMAS),
        ("engine/answers/retryable.py", _VALUES, ("tests/cli/test_retry_failed.py",), _SCHEMAS),
        ("engine/answers/runs.py", _VALUES, _FILTERS, _RUNS, _ANSWERS),
        ("engine/answers/shown.py", ("tests/engine/test_shown.py",), _SCHEMAS),
        ("engine/answers/shown_text.py", ("tests/engine/test_shown.py",), ("tests/cli/test_files.py",)),
        ("engine/answers/starts.py", ("tests/engine/test_starts.py",)),
        (
            "engine/core/arrivals.py",
            ("tests/engine/test_arrivals.py",),
            ("tests/engine/test_file_triggers.py",),
        ),
        ("jobfile/model/name_patterns.py", ("tests/engine/test_name_patterns.py",)),
        ("engine/answers/status_text.py", _STATUS, _ANSWERS, _PRINTED),
        (
            "engine/answers/upcoming.py",
            ("tests/engine/test_upcoming.py",),
            _VALUES,
            ("tests/cli/test_next_entries.py",),
            _SCHEMAS,
        ),
        ("engine/answers/band.py", ("tests/engine/test_band.py",)),
        ("engine/answers/timeline.py", ("tests/engine/test_timeline.py",)),
        ("engine/answers/concerns.py", ("tests/engine/test_concerns.py",)),
        ("engine/answers/zones.py", _VALUES, _PRINTED, _ANSWERS),
        ("engine/answers/invariants/checking.py", _EDGES, _UNSOUND, _ENGINE),
        ("engine/answers/invariants/coverage.py", _EDGES, _UNSOUND, _ENGINE),
        ("engine/answers/invariants/liveness.py", _EDGES, _UNSOUND, _ENGINE),
        ("engine/answers/invariants/order.py", _EDGES, _UNSOUND, _ENGINE),
        ("engine/answers/invariants/rows.py", _EDGES, _UNSOUND, _ENGINE),
        ("engine/answers/invariants/stories.py", _EDGES, _UNSOUND, _ENGINE),
        ("jobfile/schedule/occurrences.py", _TIMES, _CRON_CASES, _ENTRIES),
        ("jobfile/schedule/local_times.py", _TIMES, _CRON_CASES, _ENTRIES, ("tests/language/test_words.py",)),
        ("jobfile/schedule/cron.py", _CRON, _CRON_CASES, _ENTRIES, ("tests/language/test_cases.py",)),
        ("jobfile/plan/groups.py", ("tests/plan/test_groups.py",)),
        (
            "jobfile/plan/runs.py",
            (*_PLAN, "tests/plan/test_rows.py"),
            ("tests/plan/test_truth.py",),
            ("tests/cli/test_plan.py",),
        ),
        ("jobfile/plan/risks.py", _PLAN, ("tests/plan/test_truth.py",), ("tests/cli/test_plan.py",)),
        ("engine/supervisor/masking.py", ("tests/engine/test_masking.py",), ("tests/engine/test_output.py",)),
        ("jobfile/shell/injection.py", ("tests/language/test_cases.py",), ("tests/language/test_shell.py",)),
    )
}
