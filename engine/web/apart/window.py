"""The timeline of a window."""

from datetime import datetime

from engine.answers.choice import UNKNOWN, Choice, known_labels
from engine.answers.timeline import Timeline, make_timeline
from engine.ledger.ports import View
from engine.service.presence import presence_at
from engine.web.apart.question import Scene
from engine.web.visit_place import Pattern
from jobfile.model.namedtuple import NamedTuple


class Chosen(NamedTuple):
    """Which jobs it has."""

    tags: tuple[str, ...]
    part: str
    """A part of the names, in lower case."""
    pattern: str
    """That of the jobs that who asks may see."""


def look_at_window(
    scene: Scene, since: datetime, until: datetime, chosen: Chosen, *, skip: int
) -> Timeline | None:
    """The runs of a window; None with no ledger."""
    view = scene.view()
    if view is None:
        return None
    return make_timeline(
        view,
        jobs=_jobs(view, chosen),
        since=since,
        until=until,
        now=scene.now,
        presence=presence_at(scene.place.config, view, now=scene.now),
        skip=skip,
    )


def _jobs(view: View, chosen: Chosen) -> list[str]:
    """The jobs that are chosen: all in force, or with a tag or a name those of the past, too."""
    choice, seer = Choice(tags=chosen.tags), Pattern(chosen.pattern)
    labels = known_labels(view) if chosen.tags else {}
    names = {one.job for one in view.jobs_in_force()}
    if chosen.part or chosen.tags:
        names |= {one.job for one in view.newest_definitions()}
    return [
        name
        for name in names
        if seer.sees(name)
        and chosen.part in name
        and (not chosen.tags or choice.fits(labels.get(name, UNKNOWN)))
    ]
