"""All faults at random for some time, then calm: then all must end soon."""

import random
import signal
import time
from collections.abc import Callable

from tests.acceptance.engines import pause
from tests.hosts.rig import NAMES, Rig
from tests.hosts.rig_host import LEASE_ONCE, RigHost
from tests.hosts.scenarios.busy import GRACE
from tests.hosts.scenarios.leaders import check_instants

DRAINED = LEASE_ONCE + GRACE + 15 + 30
"""How long what is open may take when all is calm, on a busy machine, in seconds."""


def chaos(rig: Rig, *, seed: int, seconds: float) -> None:
    """Faults for some time."""
    dice = random.Random(seed)
    end = time.monotonic() + seconds
    faults: list[Callable[[RigHost], None]] = [
        RigHost.off,
        RigHost.cut,
        RigHost.deafen,
        RigHost.silence,
        RigHost.lose,
        RigHost.be_refused,
        RigHost.freeze,
        RigHost.fill,
        lambda host: host.set_clock(dice.choice((-90, 10, 90))),
        lambda host: host.send("worker", signal.SIGKILL),
        lambda host: host.send("scheduler", signal.SIGKILL),
        lambda host: host.send("worker", signal.SIGSTOP),
        lambda host: host.send("scheduler", signal.SIGSTOP),
        lambda _: rig.restart_database(signal.SIGKILL),
        lambda _: rig.restart_database(signal.SIGINT),
    ]
    while time.monotonic() < end:
        for job in ("once", "often"):
            rig.request(job)
        host = rig.hosts[dice.choice(NAMES)]
        if host.is_whole:
            dice.choice(faults)(host)
        pause(dice.choice((0.5, 1.5, 3)))
        for one in rig.hosts.values():
            if dice.random() < 0.4:
                one.restore()
    for one in rig.hosts.values():
        one.restore()
    rig.wait_until_over(rig.open_runs(), patience=DRAINED)
    check_instants(rig)
