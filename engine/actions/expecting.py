"""Looks at what a success left on the disk, for the checks of `expect`: files, and the stored log.

The check is made after the process has ended and before its end is recorded. If the engine crashes in
between, the next one makes it again: nothing is changed here.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from datetime import datetime
from glob import iglob
from itertools import islice
from pathlib import Path
from typing import Final

from engine.actions.prepare import folder_for_checks
from engine.config import EngineConfig
from engine.core.expectations import FilesSeen, fits, unmet_files, unmet_log
from engine.core.lifecycle import AttemptKey, Run
from engine.execution.attempt_output import AttemptOutput, output_of
from engine.host.patience import ask
from engine.ports import Pieces
from engine.supervisor.output import STREAMS
from jobfile.expressions.expression import EvaluationError
from jobfile.model.expectations import ExpectSpec, FileCheck
from jobfile.model.jobs import JobSpec

MAX_FILES: Final = 10_000
"""Maximum number of files that match one pattern and are counted."""


def unmet_on_disk(
    run: Run,
    spec: JobSpec,
    attempts: Sequence[AttemptKey],
    config: EngineConfig,
    *,
    began_at: datetime,
    pieces: Pieces | None,
) -> str:
    """Which check does not hold, in words; empty if all do.

    `attempts` are those whose logs count together, the last of which has ended now; other hosts may have
    executed some. Raises NotYetError or NoAnswerError while the system does not answer.
    """
    logs = [output_of(config, one, pieces) for one in attempts]
    return ask(
        f"what {config.attempt_dir(attempts[-1])} left", lambda: _look(run, spec, logs, config, began_at)
    )


def _look(
    run: Run, spec: JobSpec, logs: Sequence[AttemptOutput], config: EngineConfig, began_at: datetime
) -> str:
    try:
        folder = folder_for_checks(run, spec, config, began_at=began_at) if spec.expect.files else Path()
        for check in spec.expect.files:
            if wrong := unmet_files(check, _seen(check, folder, began_at)):
                return wrong
        return _unmet_text(spec.expect, logs)
    except EvaluationError as error:
        return f"its working folder can no longer be computed: {error}"
    except OSError as error:
        return f"the files that it left could not be checked: {error.strerror or error}"


def _unmet_text(expect: ExpectSpec, logs: Sequence[AttemptOutput]) -> str:
    """Which check of the output fails, in words. Only a single process has streams."""
    if expect.log.is_about_text:
        log = b"".join(one.tail().read() for one in logs)
        if wrong := unmet_log(expect.log, log):
            return wrong
    for check, name in zip((expect.stdout, expect.stderr), STREAMS, strict=True):
        if check.is_about_text and (wrong := unmet_log(check, logs[-1].stream(name).read(), name)):
            return wrong
    return ""


def _seen(check: FileCheck, folder: Path, began_at: datetime) -> FilesSeen:
    total = fitting = largest = new = 0
    since = began_at.timestamp()
    for found in islice(_files(check.path, folder), MAX_FILES):
        is_new = found.st_mtime >= since
        total, new = total + 1, new + is_new
        largest = max(largest, found.st_size)
        fitting += fits(check, size=found.st_size, is_new=is_new)
        if fitting >= check.count:
            break
    return FilesSeen(total=total, fitting=fitting, largest=largest, new=new)


def _files(pattern: str, folder: Path) -> Iterator[os.stat_result]:
    """The regular files that a pattern names. A link counts as the file that it leads to."""
    found_names = iglob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207  a path may be absolute
    for name in found_names:
        try:
            found = os.stat(folder / name)  # noqa: PTH116  Path.stat raises ValueError for odd names
        except OSError:
            continue  # a link that leads nowhere, or deleted since
        if stat.S_ISREG(found.st_mode):
            yield found
