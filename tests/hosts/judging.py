"""Judges what several hosts did, by what the jobs themselves wrote and by the ledger."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Final, NamedTuple

from engine.answers.findings import Severity
from engine.answers.invariants.checking import check_invariants
from tests.hosts.rig import Line, Rig

THAWED: Final = 1.5
"""How long after a pause of their host jobs may do steps, until their supervisors kill them, in seconds."""


class Span(NamedTuple):
    """What an attempt wrote."""

    began_at: float
    lines: Sequence[Line]
    run: str


def check_executions(rig: Rig, *, may_repeat: Sequence[str], one_at_a_time: Sequence[str] = ()) -> None:
    """Judge by what the jobs wrote: nothing twice, nothing again that may not be repeated, no two runs of
    a job with the limit 1 at once, and no success without an end.
    """
    with rig.view() as view:
        runs = {run.id: run for run in view.recent_runs(job=None, state=None, limit=10**6)}
    spans: dict[str, list[Span]] = {}
    for id_, run in runs.items():
        lines = rig.written(id_)
        starts = [line for line in lines if line.what == "start"]
        attempts = {line.attempt for line in starts}
        assert len(attempts) == len(starts), f"twice: {id_} {lines}"
        fences = [line.fence for line in sorted(starts, key=lambda line: line.attempt)]
        assert all(before < after for before, after in pairwise(fences)), f"fences: {id_} {starts}"
        if run.job not in may_repeat:
            assert len(attempts) <= 1, f"again: {id_} {run}"
        if run.state == "succeeded":
            last = [line for line in lines if line.attempt == run.attempt]
            assert [line.what for line in last[-1:]] == ["end"], f"no success: {id_} {run} {last[-2:]}"
        for attempt in attempts:
            own = [line for line in lines if line.attempt == attempt]
            name = run.job if run.job in one_at_a_time else id_
            spans.setdefault(name, []).append(Span(own[0].at, own, id_))
    for name, found in spans.items():
        for before, after in pairwise(sorted(found)):
            late = [line for line in before.lines if line.at > after.began_at and not _is_thawed(rig, line)]
            assert late == [], f"at once: {name} {before.run} {late} {after.run} {after.began_at}"


def _is_thawed(rig: Rig, line: Line) -> bool:
    """Whether nothing outside of the job could prevent this step: its host was paused as a whole."""
    return 0 <= line.at - rig.hosts[line.host].was_frozen_until < THAWED


def check_ledger(rig: Rig) -> None:
    """The invariants, as `jobfile doctor` finds them; and only what was applied is in force."""
    with rig.view() as view:
        found = check_invariants(view, now=datetime.now(UTC), is_running=True, max_running=24)
    assert [one for one in found if one.severity is Severity.ERROR] == []
    assert rig.rows("select count(*) from generation") == [(rig.applied,)]


def answer(rig: Rig, host: str, *arguments: str) -> Any:
    """The JSON answer of a command on a host."""
    return json.loads(rig.hosts[host].say(*arguments, "--json", check=False))


def findings(rig: Rig, host: str) -> dict[str, str]:
    """What `doctor` finds on a host: the text of each code."""
    return {one["code"]: one["found"] for one in answer(rig, host, "doctor")["checks"]}
