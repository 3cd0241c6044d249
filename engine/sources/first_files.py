"""The files that `jobfile init` writes into a folder: a working job file, and the schema for an editor."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engine.config import MAIN_FILE
from engine.host.given_files import make_folders, write_text
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

PRE_COMMIT: Final = """\
  - repo: local
    hooks:
      - {id: jobfile, name: jobfile check, entry: jobfile check, language: system, files: '(^|/)jobs\\.yaml$'}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFiles:
    """The files of a new folder by their paths: whether each was written, or kept because it existed."""

    main_file: Path
    wrote: Mapping[Path, bool]


def write_first_files(folder: Path) -> FirstFiles:
    """Write the first files into a folder, which is created if it does not exist. Existing files are kept."""
    make_folders(folder)
    main_file = folder / MAIN_FILE
    texts = {main_file: FIRST_FILE, folder / SCHEMA_FILE: schema_text()}
    return FirstFiles(main_file=main_file, wrote={path: _write(path, text) for path, text in texts.items()})


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
    lines += ["", "next:  jobfile check       find mistakes"]
    if found.wrote[found.main_file]:
        lines.append("       jobfile run hello   run it once, now")
    lines += [
        "       jobfile up          run the engine",
        "       jobfile did hello   did it run, did it succeed?",
        "",
        "for pre-commit, in .pre-commit-config.yaml under `repos:`",
        "",
    ]
    return "\n".join([*lines, PRE_COMMIT.rstrip("\n")])


def first_files_to_json(found: FirstFiles) -> dict[str, object]:
    """The written files, for programs."""
    return {"format": 1, "wrote": {str(path): is_new for path, is_new in found.wrote.items()}}
