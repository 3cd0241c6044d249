"""An engine with one bad job of each kind and twenty healthy ones: the healthy ones miss nothing."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from engine.lifecycle import Lost, RunState, StartError
from engine.testing import Flight
from tests.engine.disks import dead_disk
from tests.engine.world import World

HEALTHY = 20
OCCURRENCES = 100
MINUTE = 60

Sabotage = Callable[[World, list[Flight]], None]


def nothing(_world: World, _flights: list[Flight]) -> None:
    """What is in the file is bad enough."""


def _is_no_program(world: World, flights: list[Flight]) -> None:
    for one in flights:
        one.end = StartError(at=world.clock.now(), reason="start_error", detail="there is no such program")


def _is_lost(world: World, flights: list[Flight]) -> None:
    for one in flights:
        one.end = Lost(at=world.clock.now(), reason="supervisor_killed")


class Kind(NamedTuple):
    """A kind of bad job: what it says beside its schedule, what happens to its attempts, how its runs end."""

    says: str
    ends: RunState | None = RunState.FAILED
    happens: Sabotage = nothing


SECRET = "secrets: {{S: 'file:FOLDER/{}'}}"

KINDS: dict[str, Kind] = {
    "secret-pipe": Kind(SECRET.format("pipe")),
    "secret-device": Kind("secrets: {S: 'file:/dev/zero'}"),
    "secret-folder": Kind(SECRET.format(".")),
    "secret-missing": Kind(SECRET.format("gone")),
    "secret-nul": Kind(SECRET.format("nul")),
    "secret-short": Kind(SECRET.format("short")),
    "secret-open": Kind(SECRET.format("open")),
    "secret-link": Kind(SECRET.format("link")),
    "secret-env-missing": Kind("secrets: {S: 'env:NOT_SET'}"),
    "folder-away": Kind("working_dir: gone"),
    "folder-a-file": Kind("working_dir: short"),
    "folder-too-long": Kind(f"working_dir: {'x' * 300}"),
    "template-fails": Kind(
        "env: {X: '{{ 1 // params.zero }}'}\n    params: {zero: {type: integer, default: 0}}"
    ),
    "value-too-large": Kind(f"env: {{X: \"{{{{ '{'x' * 200}' | replace('x', '{'y' * 700}') }}}}\"}}"),
    "program-missing": Kind("", happens=_is_no_program),
    "supervisor-killed": Kind("", ends=RunState.LOST, happens=_is_lost),
    "never-ends": Kind("", ends=None),
    "secret-on-a-dead-disk": Kind(SECRET.format("dead/token"), ends=None),
    "folder-on-a-dead-disk": Kind("working_dir: dead/folder", ends=None),
}
"""Every kind of bad job; a line here is all that one more takes."""


def a_place(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o600)
    for name, content in (("nul", b"s3cret\0value"), ("short", b"x"), ("open", b"s3cret-value")):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o666 if name == "open" else 0o600)
    (folder / "link").symlink_to("link")


def a_file(folder: Path) -> str:
    lines = ["version: 1", "jobs:"]
    names = [f"healthy-{number}" for number in range(HEALTHY)]
    for name in sorted([*names, *KINDS]):  # in between: neither all before nor all after
        lines += [f"  {name}:", "    schedule: {every: 1m}", "    command: ['true']"]
        if name in KINDS and KINDS[name].says:
            lines.append("    " + KINDS[name].says.replace("FOLDER", str(folder)))
    return "\n".join([*lines, ""])


def flights_of(world: World, job: str) -> list[Flight]:
    """The attempts of a job that have no end yet."""
    flights = world.launcher.flights.values()
    return [one for one in flights if one.end is None and one.order.env["JOBFILE_JOB"] == job]


def test_the_healthy_ones_miss_nothing(tmp_path: Path) -> None:
    a_place(tmp_path)
    with dead_disk(tmp_path / "dead"):
        among_bad_ones(tmp_path)


def among_bad_ones(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(tmp_path))
    world.config = replace(world.config, max_running=4 * (HEALTHY + len(KINDS)))
    world.crash()
    world.boot()
    for _ in range(OCCURRENCES):
        world.pass_time(seconds=MINUTE)
        for name, kind in KINDS.items():
            kind.happens(world, flights_of(world, name))
        for number in range(HEALTHY):
            for flight in flights_of(world, f"healthy-{number}"):
                world.launcher.finish(flight.order.attempt_id)
        world.step()
    for number in range(HEALTHY):
        found = [run.state for run in world.runs(f"healthy-{number}")]
        assert found == [RunState.SUCCEEDED] * OCCURRENCES
    for name, kind in KINDS.items():
        found = [run.state for run in world.runs(name)]
        if kind.ends is None:
            assert RunState.SUCCEEDED not in found, name
        else:
            assert found == [kind.ends] * OCCURRENCES, name
    assert world.journal.events
    world.check()
