"""Area: space on the disk, and whether starts are on hold because it is low."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import Final

from engine.answers.findings import Examined, Finding
from engine.core.records import DISK_HOLD
from engine.doctor.subject import Subject, size_text
from engine.execution.run_folders import Room, Survey, room

MIN_FREE_FILES: Final = 10_000
"""Minimum number of files that can still be created; each attempt needs three, more with script or output."""


def examine_disk(subject: Subject, runs: Survey) -> Examined:
    """Compare free space with the engine's minimum, and check free inodes and the
    size of the engine's files.
    """
    folder = nearest(subject.config.state_dir)
    left = room(folder)
    at_least = "" if runs.is_whole else "at least "
    looked_at = f"{size_text(left.free_bytes)} free, {at_least}{size_text(runs.total_bytes)} of runs"
    findings = (*check_room(subject, folder, left), *_check_hold(subject, folder))
    return Examined(area="disk", looked_at=looked_at, findings=findings)


def nearest(folder: Path) -> Path:
    """A folder, or its nearest existing parent."""
    return next(one for one in (folder, *folder.absolute().parents) if one.is_dir())


def check_room(subject: Subject, folder: Path, left: Room) -> Iterator[Finding]:
    """Whether the disk has enough space and files left."""
    floor = subject.config.min_free_bytes
    if left.free_bytes < floor:
        yield Finding(
            code="disk.low",
            found=f"{size_text(left.free_bytes)} free; below {size_text(floor)} nothing starts",
            help=f"find large files with `du -xh {quote(str(folder))} | sort -h | tail`",
            path=str(folder),
        )
    if left.files and left.free_files < MIN_FREE_FILES:
        yield Finding(
            code="disk.inodes",
            found=f"only {left.free_files:,} more files can be created on the disk (of {left.files:,})",
            help=f"find folders with many files with `du --inodes -x {quote(str(folder))} | sort -n | tail`",
            path=str(folder),
        )


def _check_hold(subject: Subject, folder: Path) -> Iterator[Finding]:
    hold = subject.view.soundness.hold(DISK_HOLD) if subject.view is not None else None
    if hold is not None:
        yield Finding(
            code="disk.held",
            found=f"the engine starts nothing since {hold.began_at:%Y-%m-%dT%H:%M:%SZ}: {hold.detail}",
            help="free space; a running engine continues by itself, else `jobfile up`",
            path=str(folder),
        )
