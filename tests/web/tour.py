"""A shop with some days behind it, served here with a clock that stands still; and every page of it."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page

from engine.asking.plan import planned
from engine.core.lifecycle import Artifact, AttemptKey, Run, RunState
from engine.host.keys import make_key
from engine.host.lock import EngineLock
from engine.planning.saved import write_plan_file
from engine.planning.sides import engine_side, worktree_side
from engine.supervisor.evidence import ARTIFACTS, beside
from engine.web.addresses import Listen
from engine.web.app import App
from engine.web.connections import Connection
from engine.web.routes import all_routes
from engine.web.serving import open_tcp
from jobfile.plan.text import render_text
from tests.web.site import Web

SHOP: Final = """\
version: 1
channels:
  oncall: {command: ["false"]}
jobs:
  orders-import:
    {title: Import new orders, owner: data, tags: [hourly, orders], schedule: "0 * * * *",
     run: ./import_orders, notify: {failed: [oncall]}}
  stock-sync:
    {title: Stock of the warehouse, owner: warehouse, tags: [hourly], timezone: Europe/Oslo,
     schedule: "30 */2 * * *", run: ./sync_stock, notify: {failed: [oncall]}}
  report-daily:
    title: Report of the day
    description: |
      Sums of all shops, by mail at six.
      Finance reads it first.
    owner: finance
    tags: [reports]
    timezone: Europe/Oslo
    schedule: "0 6 * * *"
    params:
      account: {type: integer, default: 1, minimum: 1, description: The account of the shop}
      kind: {type: string, enum: [short, full], default: full}
      dry: {type: boolean, default: false}
    run: ./report --account {{ params.account }} --kind {{ params.kind }}
  close-books:
    owner: finance
    schedule: "0 3 * * *"
    steps:
      fetch: {run: ./fetch}
      sums: {needs: [fetch], run: ./sums}
      taxes: {needs: [fetch], run: ./taxes}
      mail: {needs: [sums, taxes], run: ./mail}
  backup: {tags: [nightly], schedule: "0 2 * * sun", run: ./backup}
  clean-up: {run: ./clean}
"""
CHANGED: Final = SHOP.replace('"0 6 * * *"', '"0 5 * * *"').replace("./clean}", "./clean --all}")
LOG: Final = "".join(f"read order {number}\n" for number in range(1, 31)) + (
    "\x1b[33mwarning:\x1b[0m order 17 has no address\n\x1b[1;31merror:\x1b[0m the shop does not answer\n"
)
PAGES: Final = (
    *(
        "today",
        "ask",
        "ask-wrong",
        "jobs",
        "job",
        "definition",
        "run-now",
        "dry-run",
        "run",
        "run-steps",
        "find",
    ),
    *(
        "retry",
        "timeline",
        "board",
        "changes",
        "generation",
        "waiting",
        "saved-plan",
        "system",
        "doctor",
        "nowhere",
        "login",
    ),
)
"""Every page by name."""
HOURS: Final = 46
FAILS: Final = {"stock-sync": (9, 23, 37, 41), "orders-import": (44,)}
"""In which hours which job fails."""


class Tour(NamedTuple):
    """The site, and where it is."""

    web: Web
    url: str
    pages: Mapping[str, str]
    """Every page by name, with its address."""
    cookie: str

    def open(self, browser: Browser, **settings: object) -> BrowserContext:
        """A signed-in browser. Live updates never come."""
        found = browser.new_context(**{"timezone_id": "UTC", "locale": "en-GB", **settings})  # type: ignore[arg-type]
        name, _, value = self.cookie.partition("=")
        found.add_cookies([{"name": name, "value": value, "url": self.url}])
        found.route("**/live", lambda _: None)
        return found

    def show(self, page: Page, name: str) -> None:
        """Go to a page."""
        page.goto(f"{self.url}{self.pages[name]}")
        if name == "dry-run":
            with page.expect_navigation():  # until its stylesheet is in force: a click alone does not wait
                page.get_by_role("button", name="Show what it would do").click()


@contextlib.contextmanager
def tour(folder: Path) -> Iterator[Tour]:
    """Serve the shop."""
    web = Web(folder, SHOP)
    live(web)
    web.place.main_file.write_text(CHANGED)
    with touring(web, addresses(web)) as found:
        yield found


@contextlib.contextmanager
def touring(web: Web, pages: Mapping[str, str]) -> Iterator[Tour]:
    """Serve a site, as if its engine ran, and close it."""
    lock = EngineLock.take(web.place.state_dir)
    socket = open_tcp(Listen("127.0.0.1", 0))
    host = f"127.0.0.1:{socket.getsockname()[1]}"
    web.site = replace(web.site, hosts=web.site.hosts | {host})
    web.app.close()
    web.app = App(web.site, all_routes())
    cookie = web.sign_in(web.token).cookie
    config = uvicorn.Config(web.app, http=Connection, ws="none", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([socket],), daemon=True)
    thread.start()
    try:
        yield Tour(web, f"http://{host}", pages, cookie)
    finally:
        server.should_exit = server.force_exit = True
        thread.join()
        lock.release()
        web.close()


def live(web: Web) -> None:
    """Let the shop run for some days: a few runs fail, one job is paused, one run goes on."""
    world = web.world
    world.step()
    for hour in range(HOURS):
        world.pass_time(seconds=3600)
        finish(web, hour)
    world.pause("backup", reason="the disk is replaced")
    world.run_by_hand("clean-up")
    world.pass_time(seconds=240)
    world.send(seconds=20)
    world.step()
    failed = failed_run(web)
    key = AttemptKey(failed.id, 1)
    files = web.place.config.attempt_dir(key)
    files.mkdir(parents=True, exist_ok=True)
    (files / "output").write_text(LOG)
    keep(web, key, "orders.csv", b"order,sum\n17,12.50\n")


def finish(web: Web, hour: int) -> None:
    """End what runs; the steps of a job follow each other."""
    world = web.world
    while world.launcher.running():
        for attempt in world.launcher.running():
            job = world.view.run(attempt.partition("-")[0])
            assert job is not None
            world.clock.advance(seconds=7 + hour % 5)
            world.launcher.finish(attempt, exit_code=1 if hour in FAILS.get(job.job, ()) else 0)
        world.step()


def keep(web: Web, key: AttemptKey, name: str, content: bytes) -> None:
    """Keep a file and a value of a run, as the engine does at its end."""
    store = web.world.store
    shelf = Path(beside(str(web.place.config.attempt_dir(key)), ARTIFACTS))
    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / "1").write_bytes(content)
    kept = Artifact(name=name, size=len(content), sha256=sha256(content).hexdigest(), copy=1)
    with store.transaction():
        store.artifacts.add(key, (kept,))
        store.past.set_outputs(key, {"orders": 17})


def save_plan(web: Web) -> str:
    """Save the plan of the files, as `jobfile plan --out` does; its id."""
    place, view = web.place, web.place.view()
    before, after = engine_side(view), worktree_side(place.main_file)
    plan = planned(before, after, view=view, place=place, now=web.world.clock.now())
    view.close()
    path = place.main_file.parent / "monday.jfplan"
    return write_plan_file(
        path, plan, key=make_key(place.state_dir), main_file=place.main_file, text=render_text(plan)
    )


def failed_run(web: Web) -> Run:
    """The run whose page has something of everything."""
    return next(run for run in web.world.runs("orders-import") if run.state is RunState.FAILED)


def addresses(web: Web) -> dict[str, str]:
    """Every page, with an address at which it has something to show."""
    failed = failed_run(web).id
    steps = web.world.runs("close-books")[-1].id
    found = {
        "today": "/",
        "ask": "/ask?q=orders-import",
        "ask-wrong": "/ask?q=orders-imprt",
        "jobs": "/jobs",
        "job": "/jobs/stock-sync",
        "definition": "/jobs/report-daily/definition",
        "run-now": "/jobs/report-daily/run",
        "dry-run": "/jobs/report-daily/run",
        "run": f"/runs/{failed}",
        "run-steps": f"/runs/{steps}",
        "find": f"/runs/{failed}?attempt=1&find=order#log",
        "retry": f"/runs/{failed}/retry",
        "timeline": "/timeline",
        "board": "/board",
        "changes": "/changes",
        "generation": "/changes/1",
        "waiting": "/changes/waiting",
        "saved-plan": f"/changes/plans/{save_plan(web)}",
        "system": "/system",
        "doctor": "/system/doctor",
        "nowhere": "/nowhere",
        "login": "/login",
    }
    assert tuple(found) == PAGES
    return found
