"""The values of a run: the words of the ledger, the moves between states, and what is assumed of nothing."""

from dataclasses import MISSING, fields
from enum import StrEnum
from typing import Any

import pytest

from engine.core.lifecycle import (
    ACTIVE_STATES,
    FINAL_STATES,
    LEGAL_MOVES,
    NOT_AGAIN,
    OPEN_STATES,
    START_REASONS,
    Attempt,
    AttemptKey,
    AttemptState,
    Ended,
    Lost,
    Occurrence,
    Run,
    RunState,
    StartError,
    TriggerKind,
    Verdict,
)
from engine.core.reasons import Reason
from tests.builders import NOON, a_run
from tests.together import together

OVER = {"succeeded", "failed", "timed_out", "cancelled", "lost"}
MOVES: dict[str, set[str]] = {
    "queued": {"running", "skipped", "missed", "cancelled"},
    "running": {"succeeded", "failed", "timed_out", "lost", "skipped", "retry_wait", "cancelling"},
    "cancelling": OVER | {"skipped"},
    "retry_wait": {"running", "cancelled"},
}


@pytest.mark.parametrize("words", [RunState, AttemptState, TriggerKind])
def test_the_ledger_has_the_names_of_states_and_triggers_in_small_letters(words: type[StrEnum]) -> None:
    assert [word.value for word in words] == [word.name.lower() for word in words]


@pytest.mark.parametrize("before", RunState)
def test_a_run_takes_only_the_moves_of_its_state_and_none_when_it_is_over(before: RunState) -> None:
    allowed = MOVES.get(before.value, set())
    assert LEGAL_MOVES[before] == allowed
    assert before.is_final == (not allowed) == (before in FINAL_STATES)
    assert before.is_final == (before not in OPEN_STATES)
    for after in RunState:
        if after in allowed:
            before.assert_becomes(after)
        else:
            with pytest.raises(AssertionError, match=f"from {before} to {after}$"):
                before.assert_becomes(after)


def test_a_run_takes_a_place_of_its_job_from_its_first_attempt_until_it_is_over() -> None:
    assert set(ACTIVE_STATES) == set(OPEN_STATES) - {RunState.QUEUED}


@pytest.mark.parametrize("of", [Occurrence, Run, Attempt, Ended, StartError, Lost, Verdict])
def test_an_outcome_has_none_of_what_it_does_not_mention(of: type[Any]) -> None:
    """An outcome without a word about memory, leftovers or a timeout had none of them."""
    for field in fields(of):
        default = field.default if field.default_factory is MISSING else field.default_factory()
        assert default is MISSING or not default, field.name


def test_without_a_step_an_attempt_has_no_item_either() -> None:
    assert AttemptKey("a", 1) == AttemptKey("a", 1, "", 0) == a_run(id="a", attempt=1).last_attempt


@pytest.mark.parametrize(
    ("key", "name", "folder", "marks"),
    [
        (AttemptKey("a", 2), "a-2", "a.2", {}),
        (AttemptKey("a", 2, "load"), "a-load.2", "a.load.2", {"JOBFILE_STEP": "load"}),
        (
            AttemptKey("a", 2, "load", 1),
            "a-load.1.2",
            "a.load.1.2",
            {"JOBFILE_STEP": "load", "JOBFILE_ITEM": "1"},
        ),
    ],
)
def test_an_attempt_is_named_by_run_step_item_and_number(
    key: AttemptKey, name: str, folder: str, marks: dict[str, str]
) -> None:
    assert (key.id, key.folder) == (name, folder)
    assert key.marks == {"JOBFILE_RUN_ID": "a", "JOBFILE_ATTEMPT": "2"} | marks


@pytest.mark.parametrize("kind", TriggerKind)
def test_a_run_of_a_user_or_an_event_is_not_scheduled(kind: TriggerKind) -> None:
    assert kind.is_scheduled == (kind in {TriggerKind.SCHEDULE, TriggerKind.CATCHUP})


@pytest.mark.parametrize(
    ("state", "reason", "attempts", "was_executed"),
    [
        (RunState.QUEUED, "", 0, False),
        (RunState.SKIPPED, "overlap", 0, False),
        (RunState.CANCELLED, "by_hand", 0, False),
        (RunState.CANCELLED, "by_hand", 1, True),
        (RunState.LOST, "host_reboot", 1, True),
        (RunState.FAILED, "exit(1)", 1, True),
        *((RunState.FAILED, reason.value, 1, False) for reason in sorted(START_REASONS)),
        *((RunState.FAILED, reason.value, 2, True) for reason in sorted(START_REASONS)),
        (RunState.LOST, "start_error", 1, True),
    ],
)
def test_a_command_ran_unless_its_only_attempt_could_not_be_started(
    state: RunState, reason: str, attempts: int, was_executed: bool
) -> None:
    assert a_run(state=state, reason=reason, attempt=attempts).was_executed is was_executed


def test_the_end_of_a_lost_run_counts_when_it_was_found_later() -> None:
    lost = a_run(state=RunState.LOST)
    assert lost.verdict is RunState.LOST
    assert a_run(state=RunState.LOST, resolved="succeeded").verdict is RunState.SUCCEEDED


@together("reason", Reason)
def test_a_start_error_has_a_reason_that_says_that_nothing_ran(reason: Reason) -> None:
    nothing_ran = {"start_error", "template_error", "working_dir_missing", "secret not available"}
    nothing_ran |= {"env_file", "deadline", "not_taken"}
    if reason in nothing_ran:
        assert StartError(at=NOON, reason=reason).detail == ""
    else:
        with pytest.raises(AssertionError, match="is not a reason of a start error"):
            StartError(at=NOON, reason=reason)


def test_the_detail_of_a_run_that_is_not_retried_begins_with_these_words() -> None:
    """Old ledgers have them."""
    assert NOT_AGAIN == "not retried: "
