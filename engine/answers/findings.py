"""The findings of `doctor` about the ledger and the machine, and the severity of each code."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_LISTED: Final = 10
"""Maximum number of findings of one code that are listed; more are counted."""


class Severity(StrEnum):
    """error: an answer or a run is wrong; warning: something will go wrong; info: good to know."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_ERROR, _WARNING, _INFO = Severity.ERROR, Severity.WARNING, Severity.INFO

CODES: Final[Mapping[str, Severity]] = {
    "invariant.I1": _ERROR,
    "invariant.I2": _ERROR,
    "invariant.I3": _ERROR,
    "invariant.I4": _ERROR,
    "invariant.I5": _ERROR,
    "invariant.I6": _WARNING,
    "invariant.I7": _ERROR,
    "invariant.I8": _ERROR,
    "invariant.I9": _ERROR,
    "invariant.I10": _ERROR,
    "invariant.I11": _ERROR,
    "invariant.I12": _ERROR,
    "ledger.none": _INFO,
    "ledger.unreadable": _ERROR,
    "ledger.integrity": _ERROR,
    "ledger.references": _ERROR,
    "ledger.foreign": _ERROR,
    "ledger.row": _ERROR,
    "ledger.audit": _ERROR,
    "ledger.older": _WARNING,
    "ledger.newer": _ERROR,
    "ledger.journal": _ERROR,
    "ledger.network": _ERROR,
    "ledger.settings": _WARNING,
    "ledger.restored": _ERROR,
    "rights.unreadable": _ERROR,
    "rights.state_folder": _ERROR,
    "rights.state_file": _ERROR,
    "rights.state_origin": _ERROR,
    "rights.symlink": _ERROR,
    "rights.job_file": _ERROR,
    "rights.secret_file": _ERROR,
    "rights.secret_env": _WARNING,
    "clock.unsynchronized": _WARNING,
    "clock.held": _ERROR,
    "clock.behind": _WARNING,
    "disk.low": _ERROR,
    "disk.inodes": _WARNING,
    "disk.held": _ERROR,
    "leftovers.folder": _INFO,
    "leftovers.new_file": _INFO,
    "leftovers.attempt": _WARNING,
    "leftovers.process": _WARNING,
    "machine.libyaml": _WARNING,
    "machine.spawn": _WARNING,
    "machine.files": _WARNING,
    "machine.processes": _WARNING,
    "machine.tzdata": _INFO,
    "machine.version": _WARNING,
    "machine.container": _INFO,
    "notifications.owed": _WARNING,
    "notifications.given_up": _ERROR,
    "hosts.leaderless": _WARNING,
    "hosts.silent": _ERROR,
    "hosts.skew": _WARNING,
    "hosts.clock": _ERROR,
    "hosts.version": _WARNING,
    "hosts.carrier": _ERROR,
    "hosts.files": _WARNING,
    "hosts.unknown": _ERROR,
    "hosts.leftover": _INFO,
    "engine.stopped": _INFO,
    "engine.killed": _WARNING,
    "engine.silent": _ERROR,
    "engine.rejected": _WARNING,
    "engine.folder": _WARNING,
}
"""Every code with its severity. The word before the dot is its area; a code never changes its meaning."""

AREAS: Final[Mapping[str, str]] = {
    "ledger": "ledger file",
    "invariant": "invariants I1-I12",
    "rights": "rights",
    "clock": "clock",
    "disk": "disk",
    "leftovers": "leftovers",
    "machine": "machine",
    "notifications": "notifications",
    "hosts": "hosts",
    "engine": "engine",
}
"""The areas in the order of the output, each with its title. With one host, that of hosts is left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One problem: what was found, where, and what to do."""

    code: str
    found: str
    help: str
    job: str = ""
    run: str = ""
    path: str = ""

    @property
    def severity(self) -> Severity:
        """The severity of its code."""
        return CODES[self.code]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """The result for one area: what was checked, and the findings; or why it could not be checked."""

    area: str
    looked_at: str
    findings: tuple[Finding, ...] = ()
    is_skipped: bool = False

    @property
    def is_well(self) -> bool:
        """Whether nothing here needs attention."""
        return all(one.severity is Severity.INFO for one in self.findings)

    @property
    def verdict(self) -> str:
        """The result in a word: ok, skipped or NOT OK."""
        return ("skipped" if self.is_skipped else "ok") if self.is_well else "NOT OK"


def limited(findings: Iterable[Finding], *, total: int = 0) -> Iterator[Finding]:
    """The first findings of each code, each followed by the number of further ones.

    `total` is the number of all findings, if `findings` does not have all of them.
    """
    last: dict[str, tuple[int, Finding]] = {}
    for one in findings:
        count = last.get(one.code, (0, one))[0] + 1
        if count <= MAX_LISTED:
            yield one
        last[one.code] = (count, one)
    for count, one in last.values():
        more = max(count, total) - MAX_LISTED
        if more > 0:
            yield Finding(code=one.code, found=f"and {more:,} more like that", help=one.help)
