"""Text that others choose is text on every page: in each field, in the HTML and in a real browser."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from playwright.sync_api import sync_playwright

from engine.asking.applying import intent_of, put
from engine.asking.pauses import pause_job
from engine.asking.plan import planned
from engine.core.access import Role
from engine.core.lifecycle import AttemptKey
from engine.core.records import Owed
from engine.planning.sides import engine_side, worktree_side
from engine.web.access import Who
from tests.web.site import HOST, Web
from tests.web.tour import Tour, keep, touring

EVIL = "<img src=x onerror=document.title='pwned'>\"'><script>document.title='pwned'</script>${7*7}"
LONG = "w" * 90
CALL = "call<svg/onload=document.title='pwned'>"
"""What the caller of a webhook gives as its id: it has no spaces."""


def evil(field: str) -> str:
    """What somebody writes in a field."""
    return f"{field}{EVIL}{LONG}"


JOBS = json.dumps(
    {
        "version": 1,
        "channels": {"hook": {"command": ["sh", "-c", f"echo {evil('channel')!r} >&2; exit 1"]}},
        "jobs": {
            "bad": {
                "title": evil("title"),
                "description": evil("description"),
                "owner": evil("owner"),
                "tags": ["x"],
                "schedule": "*/10 * * * *",
                "params": {
                    "one": {"type": "string", "default": evil("default"), "description": evil("about")},
                    "two": {"type": "string", "enum": [evil("enum"), "b"], "default": "b"},
                },
                "notify": {"failed": ["hook"]},
                "run": "echo",
            },
            "broken": {
                "working_dir": evil("missing"),
                "env": {"TEXT": evil("env")},
                "triggers": [{"webhook": {"path": "broken", "public": True}}],
                "matrix": {"axis": [evil("axis"), "b"]},
                "run": f"echo <<'E'\n{evil('script')}\nE",
            },
        },
    }
)
SHOWN_ON = {
    "title": ("jobs", "job", "run-now", "definition"),
    "description": ("job",),
    "owner": ("jobs", "job", "definition", "waiting", "generation"),
    "default": ("job", "run-now", "run", "dry-run"),
    "about": ("run-now",),
    "enum": ("run-now",),
    "log": ("run",),
    "output": ("run",),
    "artifact": ("run",),
    "error": ("system",),
    "who": ("job", "jobs", "changes"),
    "why": ("job", "jobs", "changes", "generation"),
    "folder": ("system",),
    "asked": ("ask",),
    "search": ("jobs",),
    "found": ("find",),
    "new": ("waiting", "definition"),
    "missing": ("broken", "of-broken"),
    "env": ("of-broken",),
    "script": ("of-broken",),
    "axis": ("broken", "runs-of-broken"),
    CALL: ("broken",),
}
"""For each field, the pages that show it."""


class Parsed(HTMLParser):
    """The text of a page, and what in it would act."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.acts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.text += [value for value in values.values() if value]
        own_script = tag == "script" and (values.get("src") or "").startswith("/static/")
        if tag in ("img", "iframe", "object", "embed", "base", "script", "style") and not own_script:
            self.acts.append(tag)
        self.acts += [name for name in values if name.startswith("on") or name == "style"]
        for name in ("href", "src", "action", "hx-get"):
            if not (values.get(name) or "/").startswith(("/", "#", "?")):
                self.acts.append(f"{name}={values[name]}")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A site in which every text is hostile."""
    folder = tmp_path_factory.mktemp("site") / f"folder{EVIL.replace('/', '')}"
    folder.mkdir()
    web = Web(folder, JOBS)
    world, store = web.world, web.world.store
    world.step()
    web.live(instants=2)
    run = world.runs("bad")[0]
    key = AttemptKey(run.id, 1)
    files = web.place.config.attempt_dir(key)
    files.mkdir(parents=True, exist_ok=True)
    (files / "output").write_text(f"{evil('log')}\n\x1b[31m{evil('log')}\x1b[0m {evil('found')}\n")
    keep(web, key, evil("artifact"), b"x")
    with store.transaction():
        store.past.set_outputs(key, {"value": evil("output")})
        store.outbox.add(Owed("1", world.clock.now(), "failed", "hook", "bad", run.id, "{}"))
        store.outbox.failed("1", error=evil("error"), next_try_at=world.clock.now())
    broken = call(web)
    act_as_evil(web)
    web.place.main_file.write_text(JOBS.replace(json.dumps(evil("description")), json.dumps(evil("new"))))
    pages = {
        "today": "/",
        "jobs": f"/jobs?q=bad&sort={escaped('search')}&in=&tag=&owner=",
        "job": "/jobs/bad",
        "definition": "/jobs/bad/definition",
        "run-now": "/jobs/bad/run",
        "dry-run": "/jobs/bad/run",
        "run": f"/runs/{run.id}",
        "broken": f"/runs/{broken}",
        "runs-of-broken": "/jobs/broken",
        "of-broken": "/jobs/broken/definition",
        "find": f"/runs/{run.id}?attempt=1&find={escaped('found')}",
        "retry": f"/runs/{run.id}/retry",
        "ask": f"/ask?q={escaped('asked')}",
        "timeline": f"/timeline?job={escaped('asked')}",
        "board": "/board",
        "changes": "/changes",
        "generation": "/changes/2",
        "waiting": "/changes/waiting",
        "system": "/system",
        "doctor": "/system/doctor",
        "login": f"/login?next={escaped('asked')}",
    }
    with touring(web, pages) as found:
        yield found


def call(web: Web) -> str:
    """Call a webhook with a hostile id, and let its runs end; one of them."""
    headers = {"host": HOST, "content-type": "application/json", "webhook-id": CALL}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    assert web.raw("POST", b"/hooks/broken", pairs, b"{}").status == 202
    web.world.step()
    return web.world.runs("broken")[0].id


def escaped(field: str) -> str:
    return quote(evil(field))


def act_as_evil(web: Web) -> None:
    """Apply a change and pause the job, as a user whose name is hostile."""
    place = web.place_of(Who(name=evil("who"), role=Role.ADMIN))
    web.place.main_file.write_text(JOBS.replace('"run": "echo"', '"run": "echo 2"'))
    view = place.view()
    plan = planned(engine_side(view), worktree_side(place.main_file), view=view, place=place)
    put(place, intent_of(plan, place, why=evil("why")))
    pause_job(place, "bad", until=None, why=evil("why"))
    place.close()


def test_no_text_acts_and_each_is_shown_and_fits_a_phone(site: Tour) -> None:
    troubles: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = site.open(browser, viewport={"width": 360, "height": 740})
        page = context.new_page()
        page.on("console", lambda one: troubles.append(one.text) if "404" not in one.text else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("request", lambda one: one.url.startswith(site.url) or troubles.append(one.url))
        for name in site.pages:
            site.show(page, name)
            parsed = Parsed(page.content())
            text = "".join(parsed.text)
            troubles += [f"{name}: {one}" for one in parsed.acts]
            troubles += [
                f"{name} does not show {field}"
                for field, pages in SHOWN_ON.items()
                if name in pages and (field if field == CALL else f"{field}{EVIL}"[:60]) not in text
            ]
            troubles += [f"{name}: a title"] if page.title() == "pwned" else []
            width = page.evaluate("document.documentElement.scrollWidth")
            troubles += [f"{name} is {width} wide"] if width > 360 else []
        browser.close()
    assert not troubles, "\n".join(troubles)
    assert {one for pages in SHOWN_ON.values() for one in pages} <= set(site.pages)
