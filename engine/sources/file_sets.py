"""Finds job files: those of a folder, and the set of a file, with the unsaved texts of an editor."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from engine.config import MAIN_FILE, find_main_file
from engine.sources.file_reader import read_job_files, read_limited
from engine.sources.includes import JobFiles

_NAMES: Final = ("jobs.yaml", "jobs.yml")
_ENDINGS: Final = (".yaml", ".yml")
_CASES: Final = (".test.yaml", ".test.yml")
_JOBS: Final = re.compile(r"""^(?:jobs|"jobs"|'jobs')[ \t]*:""", re.MULTILINE)


def is_job_file(path: Path, text: str) -> bool:
    """Whether a single file is a job file: by its name, or because it has jobs."""
    is_named = path.name in _NAMES or path.name.endswith(tuple(f".{name}" for name in _NAMES))
    return is_named or _JOBS.search(text) is not None


def job_files_in(folder: Path, *, main_file: Path) -> list[Path]:
    """The main file of a folder; without one, the folder's job files and those that `main_file` includes.

    Files in folders below are found through a main file only. Raises OSError when the folder cannot be read.
    """
    main = folder / MAIN_FILE
    if os.path.lexists(main):
        return [main]
    names = sorted(one.name for one in os.scandir(folder) if one.name.endswith(_ENDINGS) and not one.is_dir())
    included = _included(main_file)
    paths = [folder / name for name in names if not name.startswith(".") and not name.endswith(_CASES)]
    return [path for path in paths if path.resolve() in included or is_job_file(path, _text(path))]


def _included(main_file: Path) -> frozenset[Path]:
    try:
        return frozenset(Path(name).resolve() for name, _ in read_job_files(main_file).files)
    except OSError:
        return frozenset()


def _text(path: Path) -> str:
    """The text of a file; empty for what is not a regular file, such as a link."""
    try:
        return read_limited(path).decode(errors="replace")
    except OSError:
        return ""


def case_files_of(main: Path, open_texts: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the case files beside a main file, and in the folder `tests` beside it."""
    for folder in (main.parent, main.parent / "tests"):
        for path in sorted(one for ending in _CASES for one in folder.glob(f"*{ending}")):
            name = str(path)
            with suppress(OSError):
                yield name, open_texts[name].encode() if name in open_texts else read_limited(path)


def set_of(path: Path, open_texts: Mapping[str, str]) -> JobFiles:
    """The set of the main file, here or above, that includes this file; if there is none, the file's own.

    `open_texts` are the texts of open files by their absolute paths; they replace those on disk.
    """
    given = {name: text.encode() for name, text in open_texts.items()}
    main = find_main_file(None, here=path.parent)
    for candidate in (main if main.is_absolute() else path.parent / main, path):
        try:
            found = read_job_files(candidate, given)
        except OSError:
            continue
        if any(Path(name) == path for name, _ in found.files):
            return found
    return JobFiles(files=((str(path), given.get(str(path), b"")),))
