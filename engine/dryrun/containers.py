"""The command that would run a job in a container."""

import shlex
from collections.abc import Mapping
from typing import Final

from engine.actions.containing import Inside, container_argv, find_runtime, names_inside
from engine.config import EngineConfig
from engine.core.lifecycle import AttemptKey
from engine.dryrun.unknowns import shown_items, shown_text
from jobfile.model.environment import ABOUT_THE_RUN, FENCE, PARAM_PREFIX, SET_FOR_EACH_RUN
from jobfile.model.jobs import CommandAction, JobSpec, ScriptAction

RUN: Final = "RUN"
"""Stands for the id of the run, which it does not have yet."""

_NOT_HERE: Final = ("JOBFILE_INTERVAL_START", "JOBFILE_INTERVAL_END", FENCE)
"""Variables that a run by hand on one host does not have."""


def container_rows(
    spec: JobSpec, values: Mapping[str, object], config: EngineConfig, *, step: str = ""
) -> list[tuple[str, str]]:
    """A row with the command, if the job or step runs in a container."""
    if spec.container is None:
        return []
    attempt, action = AttemptKey(RUN, 1, step), spec.action
    argv: tuple[str, ...] = ()
    names = [*SET_FOR_EACH_RUN, *spec.env, *(one for one in ABOUT_THE_RUN if one not in _NOT_HERE)]
    names += [f"{PARAM_PREFIX}{one.name.upper()}" for one in spec.params]
    if isinstance(action, CommandAction):
        argv = tuple(part for item in action.argv for part in shown_items(item, values))
    elif isinstance(action, ScriptAction):
        argv = (*action.shell, config.script_file(attempt))
        names += [f"JF_{number}" for number in range(1, len(action.values) + 1)]
    inside = Inside(
        attempt=attempt,
        job=spec.name,
        run_folder=config.run_folder(RUN),
        main_folder=config.main_file.parent,
        working_dir=shown_text(spec.working_dir, values) if spec.working_dir else "",
        names=names_inside(dict.fromkeys(names), spec),
    )
    runtime = find_runtime(spec.container, config.environ) or spec.container.runtime.value
    return [("container", shlex.join(container_argv(runtime, argv or ("",), spec, inside)))]
