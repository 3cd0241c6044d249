"""What `doctor` finds on the host of the server."""

from engine.answers.findings import Examined
from engine.doctor.checking import diagnose
from engine.host.machine import read_machine
from engine.web.visits import Visit


def examined(visit: Visit) -> tuple[Examined, ...]:
    """Every area, as of now. It may take long: use `recall`."""
    return tuple(diagnose(visit.place.config, now=visit.now, machine=read_machine()))
