"""Area: the wall clock, which decides what is due."""

from collections.abc import Iterator

from engine.answers.findings import Examined, Finding, told
from engine.clocks import JUMP
from engine.doctor.subject import Subject
from engine.ledger import View
from engine.lifecycle import RunState
from engine.records import CLOCK_HOLD
from engine.wording import seconds_text, short

_WORDS = {True: "synchronized", False: "not synchronized", None: "the system cannot tell"}


def examine_clock(subject: Subject) -> Examined:
    """Is it right, as far as the system knows; does the engine believe it; is it behind the ledger."""
    findings = (*_check_system(subject), *(_check_ledger(subject, subject.view) if subject.view else ()))
    looked_at = f"{subject.now:%Y-%m-%dT%H:%M:%SZ}, {_WORDS[subject.machine.is_synchronized]}"
    return Examined(area="clock", looked_at=looked_at, findings=findings)


def _check_system(subject: Subject) -> Iterator[Finding]:
    if subject.machine.is_synchronized is False:
        yield Finding(
            code="clock.unsynchronized",
            found="the system says that its clock is not synchronized; runs start when it says so",
            help="start a time service (`timedatectl set-ntp true`, or chrony); in a container, on its host",
        )


def _check_ledger(subject: Subject, view: View) -> Iterator[Finding]:
    hold = view.soundness.hold(CLOCK_HOLD)
    if hold is not None:
        yield Finding(
            code="clock.held",
            found=f"the engine does not believe the clock, so nothing starts: {hold.detail}",
            help="set the clock right, or say that it is: `jobfile clock accept`",
        )
    covered = view.soundness.covered_in_force()
    if covered is not None and covered - subject.now > JUMP:
        behind = seconds_text((covered - subject.now).total_seconds())
        yield Finding(
            code="clock.behind",
            found=f"the clock is {behind} behind the ledger, where everything up to "
            f"{covered:%Y-%m-%dT%H:%M:%SZ} is accounted for: until then nothing is due",
            help="set the clock right; `jobfile clock` tells when it was set",
        )
    elif hold is None:
        yield from told(_check_waiting(subject, view))


def _check_waiting(subject: Subject, view: View) -> Iterator[Finding]:
    """What was asked for while the clock was ahead waits for an instant that only that clock knew."""
    for run in view.open_runs():
        if run.state is RunState.QUEUED and run.queued_at - subject.now > JUMP:
            yield Finding(
                code="clock.future_run",
                found=f"run {short(run.id)} was asked for by a clock that was ahead, and waits until "
                f"{run.not_before:%Y-%m-%dT%H:%M:%SZ}",
                help=f"`jobfile cancel {short(run.id)}`, then `jobfile run {run.job}` starts another now",
                job=run.job,
                run=run.id,
            )
