"""A file made to cost much, saved beside healthy jobs: it is refused, and the jobs in force miss nothing."""

from pathlib import Path

import pytest

from engine.lifecycle import RunState
from tests.acceptance.engines import ask, check_every_instant, drain, engine, put, runs, say, until

MAIN = (
    "version: 1\ninclude: ['more/*.yaml']\njobs: {tick: {schedule: {every: 1s}, timeout: 1m, run: 'true'}}\n"
)
BAD = {
    "a pattern that a backtracking search never ends": (
        "params: {p: {type: string, pattern: '(a()?)+', default: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'}}",
        "JF501",
    ),
    "very many steps": ("steps: {" + ", ".join(f"s{at}: {{run: x}}" for at in range(8_000)) + "}", "JF017"),
    "very many findings": ("\n".join(f"    k{at}: 1" for at in range(20_000)).strip(), "JF101"),
}


@pytest.mark.parametrize("name", BAD)
def test_the_jobs_in_force_go_on_while_a_file_that_costs_much_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "more").mkdir()
    put(tmp_path / "more", "version: 1\njobs: {idle: {run: 'true'}}\n", "good.yaml")
    put(tmp_path, MAIN)
    body, code = BAD[name]
    with engine(tmp_path):
        until(lambda: ran(tmp_path) >= 1, "a first run")
        run = "" if "steps" in body else "    run: x\n"
        put(tmp_path / "more", f"version: 1\njobs:\n  bad:\n{run}    {body}\n", "bad.yaml")
        refusal = until(lambda: ask(tmp_path, "status")["rejected"], "the refusal")
        assert any(code in line for line in refusal["diagnostics"])
        assert len(str(refusal)) < 20_000
        before = ran(tmp_path)
        until(lambda: ran(tmp_path) >= before + 2, "two more runs")
        for command in ("check", "plan", "status"):
            said = say(tmp_path, command)
            assert len(said.stdout + said.stderr) < 1_000_000
            assert said.returncode in (0, 1), said.stderr
    drain(tmp_path)
    assert {one.state for one in runs(tmp_path, "tick") if one.attempt} == {RunState.SUCCEEDED}
    check_every_instant(tmp_path)


def ran(folder: Path) -> int:
    return sum(one.state is RunState.SUCCEEDED for one in runs(folder, "tick"))
