"""Predicts, from its evidence, what the next engine will do with an attempt that has no end in the ledger."""

from typing import assert_never

from engine.core.lifecycle import Attempt, AttemptState, Ended, Lost, StartError
from engine.core.reasons import Reason
from engine.ports import Alive, Evidence, NotStarted


def fate_of(evidence: Evidence, attempt: Attempt) -> str:
    """What the next engine will do with an attempt; empty for one that continues under its supervisor."""
    match evidence:
        case Alive():
            return ""
        case NotStarted() | Lost(reason=Reason.EVIDENCE_GONE) if attempt.state is AttemptState.RUNNING:
            return "its evidence is gone, so it will be recorded as lost"
        case Lost(reason=Reason.EVIDENCE_FORGED):
            return f"{evidence.detail}, so it will be recorded as lost"
        case Lost(reason=Reason.HOST_CUT_OFF):
            return "it was killed because its host was cut off, and will be recorded as lost"
        case NotStarted():
            return "it was never executed, and will be started"
        case StartError():
            return "it could not be started, and will be recorded as failed"
        case Lost():
            return "its end was not observed, so it will be recorded as lost"
        case Ended():
            how = f"signal {evidence.signal}" if evidence.signal else f"exit code {evidence.exit_code}"
            return f"it ended with {how}, which will be recorded"
        case _:
            assert_never(evidence)
