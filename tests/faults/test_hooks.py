"""Calls of webhooks while the disk fails and the server is killed: the same call again is always safe."""

import errno
from pathlib import Path

import pytest

from engine.host.wake import WakePipe
from engine.ledger.sqlite.store import SqliteStore
from tests.engine.world import World
from tests.faults.preload import Mode, Outside
from tests.faults.test_submissions import KILLED, program
from tests.soak import IS_SOAK

JOBS = """\
version: 1
jobs:
  hello: {run: 'true', concurrency: {limit: none}, triggers: [{webhook: {path: hello, public: true}}]}
"""
NEW, KNOWN, AGAIN_LATER = 2, 0, 3
FEW = 8
"""How many of the steps are tried outside of the soak."""
PROGRAM = """
import asyncio, logging, os, sys
from datetime import UTC, datetime
from pathlib import Path
from engine.asking.place import Place
from engine.web.app import App
from engine.web.compiled import CompiledFiles
from engine.web.memory import Memory
from engine.web.routes import all_routes
from engine.web.site import Site
from engine.web.visit_place import SitePlace
from engine.web.watch import Watch

state = Path(sys.argv[1])
place = SitePlace.of(Place(main_file=state.parent / "jobs.yaml", state_dir=state))
mark = place.reader.mark
routes = all_routes()
logging.disable()

async def called(id):
    site = Site(place=place, memory=Memory(mark), watch=Watch(mark), files=CompiledFiles(),
                clock=lambda: datetime.now(UTC), hosts=frozenset(["x:1"]))
    headers = {"host": "x:1", "content-type": "application/json", "webhook-id": id}
    scope = {"type": "http", "method": "POST", "path": "/hooks/hello", "raw_path": b"/hooks/hello",
             "query_string": b"", "client": ("127.0.0.1", 1), "state": {},
             "headers": [(name.encode(), text.encode()) for name, text in headers.items()]}
    found = []
    async def receive():
        return {"type": "http.request", "body": b"{}", "more_body": False}
    async def send(message):
        found.append(message.get("status"))
    await App(site, routes)(scope, receive, send)
    return found[0]

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            status = asyncio.run(called(line.strip()))
            code = {202: 2, 200: 0, 503: 3}.get(status, 1)
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


MODES = [(Mode.KILL_AFTER, 0), (Mode.FAIL_FROM, errno.ENOSPC)]
if IS_SOAK:
    MODES += [(Mode.KILL_BEFORE, 0), (Mode.FAIL_ONCE, errno.EIO)]


@pytest.mark.parametrize(("mode", "error"), MODES)
def test_a_call_has_one_run_whatever_happens_before_its_answer(
    tmp_path: Path, mode: Mode, error: int
) -> None:
    world = World(tmp_path, JOBS)
    WakePipe(world.config.state_dir, lambda _: None).close()
    world.crash()
    folder, faults = world.config.state_dir, Outside(tmp_path / "control")
    with program(folder, faults, PROGRAM) as calls:
        assert calls.submit("warm") == NEW
        assert calls.submit("warm") == KNOWN
        faults.arm(folder, Mode.COUNT)
        assert calls.submit("counted") == NEW
        count = faults.count
        assert count > FEW
        steps = range(1, count + 1, 1 if IS_SOAK else count // FEW)
        ends, again = [], []
        for step in steps:
            faults.arm(folder, mode, step, error=error or errno.EIO)
            ends.append(calls.submit(f"step-{step}"))
            faults.disarm()
            again.append(calls.submit(f"step-{step}"))
    usual = KILLED if mode in (Mode.KILL_BEFORE, Mode.KILL_AFTER) else AGAIN_LATER
    assert usual in ends
    assert set(ends) <= {usual, NEW}, "an answer that the run is recorded, or none"
    assert set(again) <= {NEW, KNOWN}
    assert again[0] == NEW, "the first step is before the commit"
    assert all(second == KNOWN for first, second in zip(ends, again, strict=True) if first == NEW)
    if usual == KILLED:
        assert (KILLED, KNOWN) in zip(ends, again, strict=True), "killed between the commit and the answer"
    store = SqliteStore.open(world.config.ledger)
    store.verify()
    ids = [str(run.trigger_values["id"]) for run in store.open_runs()]
    store.close()
    assert sorted(ids) == sorted(["warm", "counted", *(f"step-{step}" for step in steps)])
