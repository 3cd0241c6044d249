"""The files that `jobfile init` writes into a folder: a working job file, and the schema for an editor."""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.config import MAIN_FILE
from engine.host.given_files import make_folders, write_text
from engine.sources.file_reader import read_job_files
from jobfile.diagnostics.escapes import printable
from jobfile.schema.validator import schema_text

SCHEMA_FILE: Final = ".jobfile.schema.json"

FIRST_FILE: Final = f"""\
# yaml-language-server: $schema={SCHEMA_FILE}
version: 1

jobs:
  hello:
    description: Say hello every morning; try it now with  jobfile run hello -p name=you
    schedule: "0 8 * * *"
    timezone: UTC
    params:
      name: {{type: string, default: world}}
    run: |
      echo "hello, {{{{ params.name }}}}"
    timeout: 1m
    retry: 3
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFiles:
    """The files of a new folder by their paths: whether each was written, or kept because it existed.

    `job` is the first job of the main file; empty if there is none, or it cannot be read.
    """

    folder: Path
    main_file: Path
    wrote: Mapping[Path, bool]
    job: str


def write_first_files(folder: Path) -> FirstFiles:
    """Write the first files into a folder, which is created if it does not exist. Existing files are kept."""
    make_folders(folder)
    main_file = folder / MAIN_FILE
    texts = {main_file: FIRST_FILE, folder / SCHEMA_FILE: schema_text()}
    wrote = {path: _write(path, text) for path, text in texts.items()}
    return FirstFiles(folder=folder, main_file=main_file, wrote=wrote, job=_first_job(main_file))


def _first_job(main_file: Path) -> str:
    """The first job of a main file that may be the user's own."""
    from jobfile.pipeline import check_files  # noqa: PLC0415  start-up time: only when needed

    try:
        found = check_files(read_job_files(main_file).files).files
    except OSError:
        return ""
    return next(iter(found.jobs), "") if found is not None else ""


def _write(path: Path, text: str) -> bool:
    """Write a new file; True when it was written."""
    try:
        write_text(path, text, may_replace=False)
    except FileExistsError:
        return False
    return True


def first_files_to_text(found: FirstFiles) -> str:
    """The written files and the next steps, as text."""
    lines = [
        printable(f"wrote    {path}" if is_new else f"kept     {path}, which existed")
        for path, is_new in found.wrote.items()
    ]
    lines += ["", *_next_steps(found), "", "for pre-commit, in .pre-commit-config.yaml under `repos:`", ""]
    return "\n".join([*lines, *map(printable, _pre_commit(found.folder.resolve()))])


def _next_steps(found: FirstFiles) -> Iterator[str]:
    """What to type next: a job is run at once only if it is our own."""
    is_new = found.wrote[found.main_file]
    steps = [(f"cd {shlex.quote(str(found.folder))}", "")] if found.folder.resolve() != Path.cwd() else []
    steps += [("jobfile check", "find mistakes")]
    steps += [(f"jobfile run {found.job}", "run it once, now")] if is_new else []
    steps += [("jobfile up", "run the engine")]
    steps += [(f"jobfile did {found.job}", "did it run, did it succeed?")] if found.job else []
    width = max(len(step) for step, _ in steps)
    for number, (step, about) in enumerate(steps):
        yield printable(f"{'       ' if number else 'next:  '}{step:<{width}}   {about}".rstrip())


def _pre_commit(folder: Path) -> Iterator[str]:
    """A hook that checks the main file when a YAML file of the folder changes: it may be included."""
    root = next((one for one in (folder, *folder.parents) if (one / ".git").exists()), folder)
    inner = "" if root == folder else f"{folder.relative_to(root)}/"
    entry = f"jobfile check {shlex.quote(inner)}" if inner else "jobfile check"
    files = rf"^{re.escape(inner)}.*\.ya?ml$" if inner else r"\.ya?ml$"
    yield "  - repo: local"
    yield "    hooks:"
    yield f"      - {{id: jobfile, name: jobfile check, entry: {_quoted(entry)}, language: system,"
    yield f"         files: {_quoted(files)}, pass_filenames: false}}"


def _quoted(text: str) -> str:
    """A text in YAML's single quotes."""
    return "'" + text.replace("'", "''") + "'"


def first_files_to_json(found: FirstFiles) -> dict[str, object]:
    """The written files, for programs."""
    return {"format": 1, "wrote": {str(path): is_new for path, is_new in found.wrote.items()}}
