"""Jobs after other jobs with real engines: values arrive; a killed engine loses or repeats no follower."""

import random
from pathlib import Path

from engine.core.lifecycle import RunState
from tests.acceptance.engines import (
    check_nothing_open,
    doctor,
    engine,
    final,
    kill,
    lines_of,
    pause,
    put,
    rows,
    run_of,
    runs,
    say,
    start_ready,
    submit,
    until,
)

CHAIN = """\
version: 1
jobs:
  load:
    params: {day: {type: string, default: mon}, code: {type: integer, default: 0}}
    outputs: {rows: {type: integer}}
    concurrency: {limit: none}
    run: |
      echo '{"rows": 42}' >> "$JOBFILE_OUTPUT"
      exit {{ params.code }}
  report:
    triggers: [{after: load}]
    concurrency: {limit: none}
    run: echo "{{ trigger.params.day }}:{{ trigger.outputs.rows }}:{{ trigger.run_id }}" >> REPORTS
  alarm:
    triggers: [{after: {job: load, when: failed}}]
    concurrency: {limit: none}
    run: echo "{{ trigger.status }}:{{ trigger.error | replace(' ', '-') }}" >> ALARMS
  mail:
    triggers: [{after: report}]
    concurrency: {limit: none}
    run: echo "{{ trigger.run_id }}" >> MAILS
"""


def write_chain(folder: Path) -> None:
    text = CHAIN
    for name in ("REPORTS", "ALARMS", "MAILS"):
        text = text.replace(name, f"'{folder / name.lower()}'")
    put(folder, text)


def test_a_chain_runs_with_the_values_of_the_job_before(tmp_path: Path) -> None:
    write_chain(tmp_path)
    with engine(tmp_path):
        good = submit(tmp_path, "load")
        until(lambda: lines_of(tmp_path / "mails"), "the end of the chain")
        assert lines_of(tmp_path / "reports") == [f"mon:42:{good}"]
        assert say(tmp_path, "run", "load", "-p", "code=3").returncode == 1
        until(lambda: lines_of(tmp_path / "alarms"), "the alarm")
        assert lines_of(tmp_path / "alarms") == ["failed:exit-code-3"]
        until(lambda: len(runs(tmp_path, "mail")) == 2, "the record of each absence")
        said = say(tmp_path, "did", "mail")
        assert said.returncode == 3, said.stdout
        assert "load failed, exit code 3" in said.stdout
        assert "so report did not run" in said.stdout
        why = say(tmp_path, "why", "mail").stdout
        assert "follows" in why
        assert "load [run" in " ".join(why.split())
    check_nothing_open(tmp_path)
    doctor(tmp_path)


def test_a_run_without_an_engine_is_followed_by_the_next_engine(tmp_path: Path) -> None:
    write_chain(tmp_path)
    with engine(tmp_path):
        pass
    assert say(tmp_path, "run", "load").returncode == 0
    assert runs(tmp_path, "report") == ()
    assert say(tmp_path, "did", "report").returncode in (4, 6)
    with engine(tmp_path):
        until(lambda: lines_of(tmp_path / "mails"), "the end of the chain")
    assert len(lines_of(tmp_path / "reports")) == 1


def test_engines_that_are_killed_lose_no_follower_and_start_none_twice(tmp_path: Path) -> None:
    write_chain(tmp_path)
    chance = random.Random(20260305)
    asked: list[str] = []
    for _ in range(6):
        process = start_ready(tmp_path)
        asked += [submit(tmp_path, "load") for _ in range(3)]
        pause(chance.random() * 0.6)
        kill(process)
    with engine(tmp_path):
        for run_id in asked:
            assert final(tmp_path, run_id).state is RunState.SUCCEEDED
        until(lambda: rows(tmp_path, "select count(*) from ended") == [(0,)], "the last follower")
        until(lambda: all(run.state.is_final for run in runs(tmp_path)), "the end of all runs")
        until(lambda: len(runs(tmp_path, "mail")) == len(asked), "the last link")
        until(lambda: all(run.state.is_final for run in runs(tmp_path)), "the end of all runs")
    reports = runs(tmp_path, "report")
    assert sorted(str(run.caused_by) for run in reports) == sorted(asked)
    assert sorted(line.split(":")[2] for line in lines_of(tmp_path / "reports")) == sorted(asked)
    assert sorted(lines_of(tmp_path / "mails")) == sorted(run.id for run in reports)
    assert {run_of(tmp_path, run.id).state for run in reports} == {RunState.SUCCEEDED}
    check_nothing_open(tmp_path)
    doctor(tmp_path)
