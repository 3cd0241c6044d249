"""How the end of a request becomes a reason, and which retries match it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.core.lifecycle import Ended, RunState, Verdict
from engine.core.outputs import MAX_WAIT_SECONDS, RESPONSE, outputs_of
from engine.core.reasons import OF_A_REQUEST
from engine.core.retry import settle
from engine.core.vocabulary import reason_words
from jobfile.model.jobs import CommandAction, HttpAction, Jitter, JobSpec, ParamSpec, ParamType, RetrySpec
from tests.builders import NOON, a_job, a_run

REQUEST = a_job(action=HttpAction(url="https://example.com/"))


def ended(text: str, *, code: int = 1) -> Ended:
    return Ended(started_at=NOON, ended_at=NOON, exit_code=code, outputs=text, outputs_bytes=len(text))


def refused(reason: str, detail: str = "why", wait: object = None) -> Ended:
    return ended(json.dumps({RESPONSE: {"reason": reason, "detail": detail, "wait": wait}}) + "\n")


def verdict(outcome: Ended, spec: JobSpec = REQUEST, *, attempt: int = 1) -> Verdict:
    run = replace(a_run(), state=RunState.RUNNING, attempt=attempt)
    return settle(run, outcome, spec=spec, now=NOON, outputs=outputs_of(outcome, spec))


def trying(*when: str, **more: object) -> JobSpec:
    retry = RetrySpec(attempts=2, when=when, jitter=Jitter.NONE, delay=timedelta(seconds=10))
    return replace(REQUEST, retry=replace(retry, **more))  # type: ignore[arg-type]  # its own fields


@pytest.mark.parametrize("reason", [*sorted(OF_A_REQUEST), "outputs", "http(404)", "http(503)"])
def test_the_reason_of_the_program_is_that_of_the_run(reason: str) -> None:
    found = verdict(refused(reason))
    assert (found.run_state, found.reason, found.detail) == (RunState.FAILED, reason, "why")
    assert "why" in reason_words(reason, "why")


MATCHES = [
    ("http(503)", "http:503", True),
    ("http(503)", "http:5xx", True),
    ("http(503)", "http:502", False),
    ("http(503)", "http:4xx", False),
    ("http(429)", "http:429", True),
    ("http(503)", "any", True),
    ("http(503)", "connect", False),
    ("http(503)", "timeout", False),
    ("connect", "connect", True),
    ("connect", "http:5xx", False),
    ("silent", "timeout", True),
    ("silent", "connect", False),
    ("response", "connect", False),
    ("certificate", "connect", False),
    ("address", "connect", False),
    ("contains", "any", True),
]


@pytest.mark.parametrize(("reason", "condition", "is_retried"), MATCHES)
def test_which_retries_match(reason: str, condition: str, is_retried: bool) -> None:
    state = RunState.RETRY_WAIT if is_retried else RunState.FAILED
    assert verdict(refused(reason), trying(condition)).run_state is state
    assert verdict(refused(reason), trying(condition), attempt=2).run_state is RunState.FAILED


@given(st.one_of(st.none(), st.integers(), st.text(), st.floats(), st.booleans()))
def test_a_server_can_lengthen_a_wait_up_to_the_longest_and_never_shorten_it(wait: object) -> None:
    spec = trying("any", max_delay=timedelta(minutes=5))
    found = verdict(refused("http(429)", wait=wait), spec)
    assert found.retry_at is not None
    is_known = type(wait) is int and 0 <= wait <= MAX_WAIT_SECONDS
    asked = min(300, wait) if is_known else 0  # type: ignore[type-var]  # it is an integer
    assert found.retry_at - NOON == timedelta(seconds=max(10, asked))


@given(st.text(max_size=80), st.recursive(st.one_of(st.none(), st.integers(), st.text()), st.lists))
def test_nonsense_is_an_ordinary_exit(text: str, value: object) -> None:
    for content in (text, json.dumps({RESPONSE: value}), json.dumps({RESPONSE: {"reason": text}})):
        found = verdict(ended(content))
        assert found.run_state is RunState.FAILED
        assert found.reason in ("exit(1)", *OF_A_REQUEST, "outputs") or found.reason.startswith("http(")


def test_a_process_cannot_give_itself_such_a_reason() -> None:
    spec = replace(REQUEST, action=CommandAction(argv=("x",)))
    outcome = refused("http(503)")
    assert verdict(outcome, spec).reason == "exit(1)"
    assert outputs_of(outcome, spec).undeclared == (RESPONSE,)


def test_a_success_needs_its_outputs() -> None:
    spec = replace(REQUEST, outputs=(ParamSpec(name="rows", type=ParamType.INTEGER),))
    assert verdict(ended('{"rows": 7}\n', code=0), spec).run_state is RunState.SUCCEEDED
    assert verdict(ended("", code=0), spec).reason == "outputs"
    assert verdict(ended('{"rows": 7}\n', code=1), spec).reason == "exit(1)"
