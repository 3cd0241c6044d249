"""An engine with one bad job of each kind and twenty healthy ones: the healthy ones miss nothing."""

import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from engine.core.lifecycle import Ended, Lost, RunState, StartError
from engine.execution.launcher_client import ProcessLauncher
from engine.host.holders import current_boot_id
from engine.host.keys import key_of
from engine.supervisor.evidence import NAME, RESULT_AT, beside, pack
from engine.testing import Flight
from tests.engine.disks import dead_disk
from tests.engine.real import KEY
from tests.engine.world import World
from tests.soak import IS_SOAK

HEALTHY = 20
OCCURRENCES = 100 if IS_SOAK else 30
MINUTE = 60
LOOK, LOOKS = 2, 4
"""Seconds between two looks, and looks, that evidence which is not there is looked for again."""

Sabotage = Callable[[World, list[Flight]], None]


def nothing(_world: World, _flights: list[Flight]) -> None:
    """What is in the file is bad enough."""


def _is_no_program(world: World, flights: list[Flight]) -> None:
    for one in flights:
        one.end = StartError(at=world.clock.now(), reason="start_error", detail="there is no such program")


def _is_lost(world: World, flights: list[Flight]) -> None:
    for one in flights:
        one.end = Lost(at=world.clock.now(), reason="supervisor_killed")


def _succeeds(world: World, flights: list[Flight]) -> None:
    for one in flights:
        world.launcher.finish(one.order.attempt_id)


def _leaves(put: Callable[[Path, bytes], None]) -> Sabotage:
    """Something stands where its evidence should, and its supervisor is dead: what does the engine read?"""

    def happens(_world: World, flights: list[Flight]) -> None:
        launcher = ProcessLauncher(None, key=KEY)
        for one in flights:
            run_dir = one.order.run_dir
            run_dir.mkdir(parents=True, exist_ok=True)
            put(Path(beside(str(run_dir), NAME)), key_of(str(run_dir), KEY))
            found = launcher.evidence(run_dir, boot_id=current_boot_id())
            assert isinstance(found, (Ended, Lost, StartError)), found
            one.end = found

    return happens


def _record(body: str) -> Sabotage:
    """A record with a good seal, whose content nobody could have meant."""

    def put(path: Path, key: bytes) -> None:
        with path.open("wb") as file:
            file.seek(RESULT_AT)
            file.write(pack(json.loads(body), key, RESULT_AT))

    return _leaves(put)


def _huge(path: Path, _key: bytes) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _row(statement: str) -> Sabotage:
    """A row of the job is changed behind the engine's back, while its attempt runs."""

    def happens(world: World, flights: list[Flight]) -> None:
        for one in flights:
            db = sqlite3.connect(world.config.ledger)
            db.execute("pragma ignore_check_constraints = on")
            changed = db.execute(statement, {"job": one.order.env["JOBFILE_JOB"]}).rowcount
            db.commit()
            db.close()
            assert changed, statement

    return happens


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
    "pattern-that-explodes": Kind(
        f"params: {{p: {{type: string, pattern: '(a|a)*(a+)+b', default: '{'a' * 900}b'}}}}",
        ends=RunState.SUCCEEDED,
        happens=_succeeds,
    ),
    "evidence-nested": Kind("", RunState.LOST, _record("[" * 900 + "]" * 900)),
    "evidence-of-other-types": Kind("", RunState.LOST, _record('{"exit_code": "x", "started_at": []}')),
    "evidence-noise": Kind(
        "", RunState.LOST, _leaves(lambda path, _: path.write_bytes(b"JFR1" * 5_000) and None)
    ),
    "evidence-empty": Kind("", RunState.LOST, _leaves(lambda path, _: path.touch())),
    "evidence-pipe": Kind("", RunState.LOST, _leaves(lambda path, _: os.mkfifo(path))),
    "evidence-folder": Kind("", RunState.LOST, _leaves(lambda path, _: path.mkdir())),
    "evidence-device": Kind("", RunState.LOST, _leaves(lambda path, _: path.symlink_to("/dev/zero"))),
    "evidence-huge": Kind("", RunState.LOST, _leaves(_huge)),
}
"""Every kind of bad job; a line here is all that one more takes."""

ROWS: dict[str, Kind] = {
    "row-of-a-run": Kind(
        "", None, _row("update run set params = '[1]' where job = :job and state = 'running'")
    ),
    "row-of-a-time": Kind(
        "",
        None,
        _row("update run set queued_at = 9000000000000000000 where job = :job and state = 'running'"),
    ),
    "row-of-a-schedule": Kind("", None, _row("update schedule set rule = '{' where job = :job")),
    "row-of-a-definition": Kind(
        "",
        None,
        _row(
            "update definition set spec = '{\"v\":999}' where digest in "
            "(select digest from job_version where job = :job)"
        ),
    ),
}
"""Jobs of which half of the time is good, and then a row of theirs is not."""

BAD = KINDS | ROWS


def a_place(folder: Path) -> None:
    os.mkfifo(folder / "pipe", 0o600)
    for name, content in (("nul", b"s3cret\0value"), ("short", b"x"), ("open", b"s3cret-value")):
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o666 if name == "open" else 0o600)
    (folder / "link").symlink_to("link")


def a_file(folder: Path) -> str:
    lines = ["version: 1", "jobs:"]
    names = [f"healthy-{number}" for number in range(HEALTHY)]
    for name in sorted([*names, *BAD]):  # in between: neither all before nor all after
        lines += [f"  {name}:", "    schedule: {every: 1m}", "    command: ['true']"]
        if name in BAD and BAD[name].says:
            lines.append("    " + BAD[name].says.replace("FOLDER", str(folder)))
    return "\n".join([*lines, ""])


def open_flights(world: World) -> dict[str, list[Flight]]:
    """The attempts that have no end yet, by job."""
    found: dict[str, list[Flight]] = {}
    for one in world.launcher.flights.values():
        if one.end is None:
            found.setdefault(one.order.env["JOBFILE_JOB"], []).append(one)
    return found


def test_healthy_jobs_miss_nothing_beside_bad_ones(tmp_path: Path) -> None:
    a_place(tmp_path)
    with dead_disk(tmp_path / "dead"):
        among_bad_ones(tmp_path)


def among_bad_ones(tmp_path: Path) -> None:
    world = World(tmp_path, a_file(tmp_path))
    world.config = replace(world.config, max_running=4 * (HEALTHY + len(BAD)))
    world.crash()
    world.boot()
    world.pass_time(seconds=LOOKS * LOOK)
    for number in range(OCCURRENCES):
        if number == OCCURRENCES // 2:
            world.check()
        world.pass_time(seconds=MINUTE - LOOKS * LOOK)
        flights = open_flights(world)
        for name, kind in BAD.items():
            if name in KINDS or number >= OCCURRENCES // 2:
                kind.happens(world, flights.get(name, []))
        for healthy in range(HEALTHY):
            _succeeds(world, flights.get(f"healthy-{healthy}", []))
        for _ in range(LOOKS):
            world.pass_time(seconds=LOOK)
    for number in range(HEALTHY):
        found = [run.state for run in world.runs(f"healthy-{number}")]
        assert found == [RunState.SUCCEEDED] * OCCURRENCES
    for name, kind in BAD.items():
        found = [run.state for run in world.runs(name)]
        if kind.ends is None:
            assert RunState.SUCCEEDED not in found, name
        else:
            assert found == [kind.ends] * OCCURRENCES, name
    assert world.journal.events
    told = [one.job or one.help for one in world.unsound()]  # the last of many names no job of its own
    assert all(any(name in one for name in ROWS) for one in told)
