"""What the engine does against its neighbours before it reads a secret."""

import ctypes

_PR_SET_DUMPABLE = 4


def make_undumpable() -> None:
    """Close /proc/PID/environ and mem to other processes of the same user; leave no core (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
