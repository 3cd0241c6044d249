"""Area: the wall clock, which decides what is due."""

from collections.abc import Iterator

from engine.answers.findings import Examined, Finding
from engine.core.clocks import JUMP
from engine.core.records import CLOCK_HOLD
from engine.core.vocabulary import seconds_text
from engine.doctor.subject import Subject
from engine.ledger.ports import View

_WORDS = {True: "synchronized", False: "not synchronized", None: "the system cannot tell"}


def examine_clock(subject: Subject) -> Examined:
    """Check whether the clock is synchronized, whether the engine
    believes it, and whether it is behind the ledger.
    """
    findings = (*_check_system(subject), *(_check_ledger(subject, subject.view) if subject.view else ()))
    looked_at = f"{subject.now:%Y-%m-%dT%H:%M:%SZ}, {_WORDS[subject.machine.is_synchronized]}"
    return Examined(area="clock", looked_at=looked_at, findings=findings)


def _check_system(subject: Subject) -> Iterator[Finding]:
    if subject.machine.is_synchronized is False:
        decides = (
            "this clock" if subject.shared_now is None else "the ledger's clock, but jobs here read this one"
        )
        yield Finding(
            code="clock.unsynchronized",
            found=f"the system reports its clock as not synchronized; runs start by {decides}",
            help="start a time service (`timedatectl set-ntp true`, or chrony); in a container, on its host",
        )


def _check_ledger(subject: Subject, view: View) -> Iterator[Finding]:
    hold = view.soundness.hold(CLOCK_HOLD)
    if hold is not None:
        yield Finding(
            code="clock.held",
            found=f"the engine does not believe the clock, so nothing starts: {hold.detail}",
            help="correct the clock, or confirm that it is right: `jobfile clock accept`",
        )
    covered = view.soundness.covered_in_force()
    now = subject.shared_now or subject.now
    if covered is not None and covered - now > JUMP:
        behind = seconds_text((covered - now).total_seconds())
        whose = "the clock" if subject.shared_now is None else "the clock of the database"
        yield Finding(
            code="clock.behind",
            found=f"{whose} is {behind} behind the ledger, where everything up to "
            f"{covered:%Y-%m-%dT%H:%M:%SZ} is accounted for: nothing is due before that time",
            help="correct the clock; `jobfile clock` shows when it was set",
        )
