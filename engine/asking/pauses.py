"""Pauses and resumes a job."""

from datetime import datetime
from zoneinfo import ZoneInfo

from engine.answers.pauses import Paused, Resumed
from engine.asking.naming import job_named
from engine.asking.place import Place
from engine.asking.times import parse_coming
from engine.core.errors import WrongUsageError
from engine.core.records import Pause
from engine.host.wake import poke
from engine.ledger.opening import open_ledger
from engine.service.presence import presence_at
from engine.transactions.pause import BY_HAND, pause_by_hand, resume_by_hand


def pause_job(place: Place, job: str, *, until: str | None, why: str) -> Paused:
    """Pause a job, until a time or until it is resumed; one that is paused already stays as it is."""
    now, named = place.now(), job_named(place, job)
    pause = pause_of(place, job, why, end_of(until, named.zone, now=now) if until is not None else None, now)
    store = open_ledger(place.config.ledger_url)
    with store.transaction():
        in_force = pause_by_hand(store, pause)
    store.close()
    poke(place.state_dir)
    still_open = tuple(run for run in named.view.open_runs() if run.job == job)
    return Paused(
        pause=in_force,
        was_paused=in_force is not pause,
        zone=named.zone,
        still_open=still_open,
        presence=presence_at(place.config, named.view, now=now),
    )


def resume_job(place: Place, job: str, *, why: str) -> Resumed:
    """Let a job run on its schedule again."""
    job_named(place, job)
    store = open_ledger(place.config.ledger_url)
    with store.transaction():
        was_paused = resume_by_hand(store, job, by=place.user, why=why, now=place.now())
    store.close()
    poke(place.state_dir)
    return Resumed(job=job, was_paused=was_paused)


def pause_of(place: Place, job: str, why: str, until: datetime | None, now: datetime) -> Pause:
    """A pause that the user asks for."""
    return Pause(
        job=job,
        source=BY_HAND,
        actor=place.user,
        reason=why,
        paused_at=now,
        until=until,
        ended_at=None,
        ended_by="",
    )


def end_of(until: str, zone: ZoneInfo, *, now: datetime) -> datetime:
    """When the pause ends by itself."""
    end = parse_coming(until, zone, now=now)
    if end <= now:
        raise WrongUsageError(f"--until {until} is not in the future")
    return end
