"""Area: who may read and change what the engine trusts: its state, the job file, the files of secrets."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Final

from engine.adapters.highwater import HIGH_WATER
from engine.adapters.lock import LOCK
from engine.adapters.sealing import KEY_FILE
from engine.answers.findings import Examined, Finding, told
from engine.doctor.subject import Subject, many
from engine.executor import secret_trouble
from engine.ledger import View
from jobfile.canonical import spec_from_json

PRIVATE_FILES: Final = (
    "ledger.db",
    "ledger.db-wal",
    "ledger.db-shm",
    LOCK,
    HIGH_WATER,
    KEY_FILE,
    "engine.log",
    "engine.log.1",
    "wake",
    "runs",
)
"""What lies in a state folder. The folder of runs is closed by the folders in it."""

_FOR_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def examine_rights(subject: Subject, state: tuple[Finding, ...]) -> Examined:
    """The job file and the secrets of the jobs in force; `state` is what was found in the state folder."""
    secrets = tuple(_secrets(subject.view)) if subject.view is not None else ()
    findings = (
        *state,
        *_check_job_file(subject.config.main_file),
        *told(_check_secrets(subject, secrets)),
    )
    looked_at = f"state folder, job file, {many(len(secrets), 'secret')}"
    return Examined(area="rights", looked_at=looked_at, findings=findings)


def check_state(folder: Path) -> Iterator[Finding]:
    """The state folder and what is in it: before the ledger is opened, for SQLite makes files beside it."""
    about = _seen(folder)
    if about is None:
        return
    trouble = _openness(folder, about)
    if stat.S_ISLNK(about.st_mode):
        yield _symlink(folder)
    elif not stat.S_ISDIR(about.st_mode):
        yield Finding(
            code="rights.state_folder",
            found=f"the state folder {folder} is not a folder",
            help="name a folder with `--state`",
            path=str(folder),
        )
        return
    elif trouble:
        yield Finding(
            code="rights.state_folder",
            found=f"the state folder {folder} {trouble}",
            help=_closing(folder, about, mode="700"),
            path=str(folder),
        )
    for path in (folder / name for name in PRIVATE_FILES):
        inner = _seen(path)
        if inner is None:
            continue
        if stat.S_ISLNK(inner.st_mode):
            yield _symlink(path)
            continue
        trouble = "" if stat.S_ISDIR(inner.st_mode) else _openness(path, inner)
        if trouble:
            yield Finding(
                code="rights.state_file",
                found=f"{path.name} {trouble}",
                help=_closing(path, inner, mode="600"),
                path=str(path),
            )


def unreadable_place(subject: Subject, error: OSError) -> Finding:
    """The finding that the state folder, or something in it, cannot be looked at."""
    path = str(error.filename or subject.config.state_dir)
    return Finding(
        code="rights.unreadable",
        found=f"{path} cannot be looked at ({error.strerror or error})",
        help=f"`ls -ld {quote(str(subject.config.state_dir))}` tells whose it is; ask as that user",
        path=path,
    )


def _seen(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _openness(path: Path, about: os.stat_result) -> str:
    """What is wrong with the rights of something private, in words; empty if nothing is."""
    if about.st_uid not in (0, os.getuid()):
        return f"belongs to {_owner(path)}, and you or root were expected"
    if about.st_mode & _FOR_OTHERS:
        expected = "0700" if stat.S_ISDIR(about.st_mode) else "0600"
        return f"is open to others (mode {stat.S_IMODE(about.st_mode):04o}, expected {expected})"
    return ""


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"user {path.lstat().st_uid}"


def _closing(path: Path, about: os.stat_result, *, mode: str) -> str:
    if about.st_uid not in (0, os.getuid()):
        return f"run jobfile as {_owner(path)}, or `chown -R $(id -un) {quote(str(path))}`"
    return f"`chmod {mode} {quote(str(path))}`"


def _symlink(path: Path) -> Finding:
    return Finding(
        code="rights.symlink",
        found=f"{path} is a symbolic link: what the engine writes lands elsewhere",
        help=f"put the file itself there: `ls -l {quote(str(path))}` tells where it leads",
        path=str(path),
    )


def _check_job_file(main: Path) -> Iterator[Finding]:
    for path in (main, main.absolute().parent):
        try:
            about = path.stat()
        except OSError:
            continue
        if _others_may_write(about):
            yield Finding(
                code="rights.job_file",
                found=f"{path} may be changed by others than its owner, and so what the engine runs",
                help=f"`chmod go-w {quote(str(path))}`",
                path=str(path),
            )


def _others_may_write(about: os.stat_result) -> bool:
    """A group with the owner's number is the owner's own, by the custom of most systems."""
    is_shared = about.st_mode & stat.S_IWGRP and about.st_gid != about.st_uid
    is_open = about.st_mode & stat.S_IWOTH
    return bool(is_shared or is_open) and not about.st_mode & stat.S_ISVTX


def _secrets(view: View) -> Iterator[tuple[str, str, str]]:
    """Job, name and source of each secret that the jobs in force name."""
    for version in view.jobs_in_force():
        text = view.definition_text(version.digest)
        if text is not None and '"secrets"' in text:
            for name, source in spec_from_json(text).secrets.items():
                yield version.job, name, source


def _check_secrets(subject: Subject, secrets: tuple[tuple[str, str, str], ...]) -> Iterator[Finding]:
    for job, name, source in secrets:
        kind, _, place = source.partition(":")
        if kind == "env":
            if place not in subject.config.environ:
                yield Finding(
                    code="rights.secret_env",
                    found=f"secret `{name}` wants {place}, which is not in the environment of this command",
                    help=f"set it where the engine is started; `jobfile did {job}` tells whether it runs",
                    job=job,
                )
            continue
        trouble = secret_trouble(name, source, subject.config.environ)
        if trouble:
            yield Finding(
                code="rights.secret_file",
                found=trouble,
                help=f"`ls -l {quote(place)}` shows its rights; `chmod 600 {quote(place)}` closes it",
                job=job,
                path=place,
            )
