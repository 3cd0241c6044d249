"""Job files as they were at a revision of their repository; nothing is checked out."""

import os
from pathlib import Path
from posixpath import normpath

from engine.adapters.process import git_bytes
from engine.adapters.reading import refuse_odd_names
from engine.errors import RevisionError
from engine.ports import Snapshot
from jobfile.document import MAX_FILE_BYTES, decode_source, parse_document
from jobfile.include import MAX_FILES, is_pattern, leaves_folder, matches, patterns_of


class NotThereError(RevisionError):
    """A commit that has no such file."""

    def __init__(self, message: str, commit: str) -> None:
        """Keep the commit's whole name."""
        super().__init__(message)
        self.commit = commit


def snapshot_at(main_file: Path, revision: str) -> Snapshot:
    """The main file and what it includes, as they were at a revision; raises RevisionError."""
    folder = main_file.absolute().parent
    name = commit_of(folder, revision)
    listed = git_bytes(folder, "ls-tree", "-r", "-z", "--name-only", name, "--", ".")
    there = {os.fsdecode(one) for one in listed.split(b"\0") if one}
    if main_file.name not in there:
        raise NotThereError(f"{main_file} is not there at {revision}", name)
    content = _read(folder, name, main_file.name)
    files = [(str(main_file), content)]
    included = _included(str(main_file), content, there - {main_file.name})
    try:
        refuse_odd_names(main_file.parent, included)
    except OSError as error:
        raise RevisionError(f"cannot read {error.filename} at {revision}: {error.strerror}") from error
    for one in included[:MAX_FILES]:
        files.append((str(main_file.parent / one), _read(folder, name, one)))
    return Snapshot(files=tuple(files), revision=name)


def commit_of(folder: Path, revision: str) -> str:
    """The whole name of the commit that a revision stands for; raises RevisionError."""
    commit = git_bytes(folder, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    return commit.decode().strip()


def _read(folder: Path, commit: str, name: str) -> bytes:
    return git_bytes(folder, "show", f"{commit}:./{name}")[: MAX_FILE_BYTES + 1]


def _included(main: str, content: bytes, there: set[str]) -> list[str]:
    source, _ = decode_source(main, content)
    document = None if source is None else parse_document(source)[0]
    if document is None:
        return []
    texts = [normpath(one.text) for one in patterns_of(document) if not leaves_folder(one.text)]
    found = {
        name
        for text in texts
        for name in there
        if (matches(text, name) if is_pattern(text) else text == name)
    }
    return sorted(found)
