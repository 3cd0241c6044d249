"""Sets of job files as an editor has them: the files on disk, or their unsaved texts if they are open."""

from collections.abc import Mapping
from pathlib import Path

from engine.config import find_main_file
from engine.sources.file_reader import read_job_files
from engine.sources.includes import JobFiles


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
