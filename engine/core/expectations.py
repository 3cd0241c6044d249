"""Decides whether a success left what its job expects, and says in words what is missing.

An end that breaks an expectation is a failure: its exit code alone does not make it a success.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from engine.core.lifecycle import Ended
from engine.core.vocabulary import seconds_text
from jobfile.expressions.patterns import matches
from jobfile.model.counts import many
from jobfile.model.expectations import ExpectSpec, FileCheck, LogCheck, RangeCheck
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.size import parse_size
from jobfile.model.values import Value

MATCHED_BYTES: Final = 128 * 1024
"""`matches` looks at the first and last bytes of a log, this many of each: every character costs time."""
MAX_SHOWN: Final = 60
"""Maximum characters of an expected text that a message quotes."""


class FilesSeen(NamedTuple):
    """The files that match a pattern: how many there are, how many fit, and the best of each property."""

    total: int
    fitting: int
    largest: int
    """The size of the largest, in bytes; 0 without files."""
    new: int
    """How many have changed since the run began."""


def unmet_values(
    expect: ExpectSpec, *, length: timedelta, ended: Ended | None, outputs: Mapping[str, Value]
) -> str:
    """What does not hold and needs no file: the duration, whether it wrote anything, and the outputs.

    `ended` is the process whose log counts; None for a run with several.
    """
    least = expect.min_duration
    if least is not None and length < least:
        took, wanted = (seconds_text(one.total_seconds()) for one in (length, least))
        return f"expected to take at least {wanted}; it took {took}"
    if ended is not None:
        written = (
            ("log", expect.log, ended.output_bytes),
            ("stdout", expect.stdout, ended.stdout_bytes),
            ("stderr", expect.stderr, ended.stderr_bytes),
        )
        for where, check, size in written:
            if wrong := _unmet_size(where, check, size):
                return wrong
    for name, wanted_range in expect.outputs.items():
        if name in outputs and (wrong := _unmet_range(name, wanted_range, outputs[name])):
            return wrong
    return ""


def _unmet_size(where: str, check: LogCheck, size: int | None) -> str:
    if check.empty is None:
        return ""
    if size is None:
        return f"expected a check of its {where}, but its streams were not stored separately"
    if check.empty and size:
        return f"expected an empty {where}; it wrote {many(size, 'byte')}"
    if not check.empty and not size:
        return f"expected a {where}; it wrote nothing"
    return ""


def _unmet_range(name: str, wanted: RangeCheck, value: Value) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return ""  # it is declared as a number, and was checked
    if wanted.min is not None and value < wanted.min:
        return f"expected output `{name}` to be at least {wanted.min}; it is {value}"
    if wanted.max is not None and value > wanted.max:
        return f"expected output `{name}` to be at most {wanted.max}; it is {value}"
    return ""


def fits(check: FileCheck, *, size: int, is_new: bool) -> bool:
    """Whether a file is as expected."""
    least = 0 if check.min_size is None else parse_size(check.min_size) or 0
    return size >= least and (check.newer_than is None or is_new)


def unmet_files(check: FileCheck, seen: FilesSeen) -> str:
    """What does not hold about files; empty if enough of them fit. It has no name of a file."""
    if seen.fitting >= check.count:
        return ""
    wanted = f"{many(check.count, 'file')} `{check.path[:MAX_SHOWN]}`"
    wanted += f" of at least {check.min_size}" if check.min_size else ""
    wanted += ", changed since the run began" if check.newer_than else ""
    if not seen.total:
        return f"expected {wanted}; found none"
    found = f"found {many(seen.total, 'file')}"
    if seen.fitting:
        found += f", {seen.fitting} of them as expected"
    if check.min_size:
        found += f", the largest has {many(seen.largest, 'byte')}"
    if check.newer_than:
        found += f", {seen.new or 'none'} changed since the run began"
    return f"expected {wanted}; {found}"


def unmet_log(check: LogCheck, log: bytes, where: str = "log") -> str:
    """What does not hold about a log, or a stream, as it is stored: secrets are masked, and its middle may
    be dropped.
    """
    if check.contains is not None and check.contains.encode() not in log:
        return f"expected `{_cut(check.contains)}` in its {where}; it is not there"
    if check.matches is None:
        return ""
    lines = _ends_of(log).decode("utf-8", "replace").splitlines()
    if any(matches(check.matches, line) for line in dict.fromkeys(lines)):
        return ""
    return f"expected a line of its {where} that matches `{_cut(check.matches)}`; none of {len(lines):,} does"


def _ends_of(log: bytes) -> bytes:
    return log if len(log) <= 2 * MATCHED_BYTES else log[:MATCHED_BYTES] + b"\n" + log[-MATCHED_BYTES:]


def _cut(text: str) -> str:
    line = text.replace("\n", " ")
    return line if len(line) <= MAX_SHOWN else f"{line[:MAX_SHOWN]}…"
