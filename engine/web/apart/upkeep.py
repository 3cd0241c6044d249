"""What a monitoring system asks for, and what `doctor` finds: both look at all of the ledger."""

from engine.answers.findings import Examined
from engine.doctor.checking import diagnose
from engine.host.machine import read_machine
from engine.web.apart.question import Scene


def metrics(scene: Scene) -> bytes:
    """What `jobfile metrics` prints."""
    from engine.service.metrics import collect, metrics_text  # noqa: PLC0415  an extra that may be missing

    return metrics_text(collect(scene.place.config, scene.place.view(), now=scene.now))


def examined(scene: Scene) -> tuple[Examined, ...]:
    """What `doctor` finds."""
    return tuple(diagnose(scene.place.config, now=scene.now, machine=read_machine()))
