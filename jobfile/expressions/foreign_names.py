"""Names that other tools fill in between braces, and what has that meaning here."""

from collections.abc import Mapping
from typing import Final

_GITHUB: Final = "GitHub Actions"
_AIRFLOW: Final = "Airflow"
_IN_THE_SCRIPT: Final = (
    'for a variable of the process, write  "$NAME"  in the script, and name it in `pass_env` or `env`'
)

_HEADS: Final[Mapping[str, tuple[str, str]]] = {
    "github": (_GITHUB, "a job has no commit and no event; ask git in the script:  git rev-parse HEAD"),
    "runner": (_GITHUB, "jobs run on the engine's machine:  uname -sm  says which it is"),
    "strategy": (_GITHUB, "the values of a job's `matrix` are  matrix.NAME"),
    "env": (_GITHUB, _IN_THE_SCRIPT),
    "inputs": (_GITHUB, "declare the input in `params`, and write  params.NAME"),
    "needs": (_GITHUB, "the outputs of a step are  steps.ID.outputs.NAME"),
    "ds": (_AIRFLOW, "write  run.scheduled_at | date('%Y-%m-%d')"),
    "ds_nodash": (_AIRFLOW, "write  run.scheduled_at | date('%Y%m%d')"),
    "ts": (_AIRFLOW, "write  run.scheduled_at"),
    "dag_run": (_AIRFLOW, "the arguments of a run are  params.NAME"),
    "execution_date": (_AIRFLOW, "write  run.scheduled_at"),
    "logical_date": (_AIRFLOW, "write  run.scheduled_at"),
    "data_interval_start": (_AIRFLOW, "the script reads it from  $JOBFILE_INTERVAL_START"),
    "data_interval_end": (_AIRFLOW, "the script reads it from  $JOBFILE_INTERVAL_END"),
}
"""The first part of a name -> the tool, and what to write instead."""

_NAMES: Final[Mapping[str, str]] = {
    "github.run_id": "run.id",
    "github.run_number": "run.id",
    "github.run_attempt": "run.attempt",
    "github.workflow": "run.job",
    "github.job": "run.job",
    "github.event_name": "run.trigger",
}
"""A whole name -> the name here with that meaning."""
_INPUTS: Final = ("inputs.", "github.event.inputs.")


def foreign_name(path: str) -> tuple[str, str] | None:
    """The message about a name of another tool, and what to write instead; None for any other name."""
    head = path.partition(".")[0]
    if head not in _HEADS:
        return None
    tool, help_ = _HEADS[head]
    if path in _NAMES:
        help_ = f"write  {_NAMES[path]}"
    for start in _INPUTS:
        name = path.removeprefix(start)
        if path.startswith(start) and name and "." not in name:
            help_ = f"declare `{name}` in `params`, and write  params.{name}"
    if path == "env" or (head == "env" and path.count(".") != 1):
        return f"`{path}` is a name of {tool}, not of jobfile", help_
    if head == "env":
        help_ = _IN_THE_SCRIPT.replace("NAME", path.partition(".")[2])
    return f"`{path}` is a name of {tool}, not of jobfile", help_
