"""A site in this process: its application is called with requests as a server passes them on."""

import asyncio
import json
import secrets
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from engine.asking.place import Place
from engine.asking.tokens import digest
from engine.core.access import ALL_JOBS, Grant, GrantKind, Role
from engine.core.records import SILENT
from engine.ledger.opening import open_ledger
from engine.transactions.access import add_token
from engine.web.access import Who, make_token
from engine.web.app import App
from engine.web.compiled import CompiledFiles
from engine.web.memory import Memory
from engine.web.routes import all_routes
from engine.web.site import Site
from engine.web.visit_place import SitePlace, VisitPlace
from engine.web.watch import Watch
from tests.engine.world import World
from tests.ledgers import Chosen

HOST = "127.0.0.1:8420"
ORIGIN = f"http://{HOST}"
JOBS = """\
version: 1
jobs:
  good: {title: The good one, owner: data, tags: [nightly, mail], schedule: "*/10 * * * *", run: echo hi}
  bad: {tags: [nightly], timezone: Europe/Oslo, schedule: "*/10 * * * *", run: exit 3}
  other:
    params: {count: {type: integer, default: 1}, name: {type: string, enum: [a, b], default: a}}
    run: echo {{ params.count }}
"""


class Got(NamedTuple):
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Browser(NamedTuple):
    """A signed-in browser."""

    cookie: str
    csrf: str


class Web:
    """A world, and its page and API."""

    def __init__(
        self, folder: Path, jobs: str = JOBS, *, world: World | None = None, **settings: Any
    ) -> None:
        (folder / "jobs.yaml").write_text(jobs)
        self.world = world or World(folder, jobs)
        state_dir = self.world.config.state_dir
        store = Chosen.ledgers.url(self.world.config.ledger)
        self.place = SitePlace.of(Place(main_file=folder / "jobs.yaml", state_dir=state_dir, store=store))
        self.site = Site(
            place=self.place,
            memory=Memory(self.place.reader.mark),
            watch=Watch(self.place.reader.mark),
            files=CompiledFiles(),
            clock=self.world.clock.now,
            elapsed=self.world.clock.elapsed,
            hosts=frozenset((HOST, "localhost:8420")),
            **settings,
        )
        self.token = make_token(self.place.state_dir)
        self.app = App(self.site, all_routes())

    def live(self, *, instants: int = 3) -> None:
        """Let the jobs run a few times; `bad` fails."""
        for _ in range(instants):
            self.world.pass_time(seconds=600)
            self.world.step()
            bad = {run.id for run in self.world.runs("bad")}
            for attempt in self.world.launcher.running():
                self.world.launcher.finish(attempt, exit_code=3 if attempt.partition("-")[0] in bad else 0)
            self.world.step()

    def raw(
        self,
        method: str,
        target: bytes,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
        *,
        peer: str = "127.0.0.1",
        state: Mapping[str, object] | None = None,
    ) -> Got:
        """Send a request exactly so."""
        path, _, query = target.partition(b"?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path.decode("latin-1"),
            "raw_path": path,
            "query_string": query,
            "headers": list(headers),
            "client": (peer, 1),
            "server": ("127.0.0.1", 8420),
            "state": dict(state or {}),
        }
        return asyncio.run(_answered(self.app, scope, body))

    def ask(
        self,
        path: str,
        method: str = "GET",
        *,
        token: str | None = None,
        browser: Browser | None = None,
        json: object = None,
        form: Mapping[str, str] | None = None,
        peer: str = "127.0.0.1",
        **headers: str | None,
    ) -> Got:
        """A request as a well-behaved client sends it; `headers` change that, None leaves one out."""
        body = b""
        given: dict[str, str | None] = {"host": HOST, "accept": "*/*"}
        if token:
            given["authorization"] = f"Bearer {token}"
        if browser:
            given |= {"cookie": browser.cookie, "accept": "text/html"}
            if method == "POST":
                given |= {"origin": ORIGIN, "sec-fetch-site": "same-origin", "x-csrf-token": browser.csrf}
        if json is not None:
            body, given["content-type"] = _dump(json), "application/json"
        if form is not None:
            body, given["content-type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        pairs = [(name.encode(), value.encode()) for name, value in given.items() if value is not None]
        return self.raw(method, path.encode(), pairs, body, peer=peer)

    def owner(self, path: str, method: str = "GET", **more: Any) -> Got:
        """A request of the bearer of the state folder's token."""
        return self.ask(path, method, token=self.token, **more)

    def add_token(
        self, name: str, role: Role = Role.VIEWER, *, jobs: str = ALL_JOBS, days: int | None = None
    ) -> str:
        """Make a token."""
        secret, now = secrets.token_urlsafe(32), self.world.clock.now()
        grant = Grant(
            hash=digest(secret),
            kind=GrantKind.TOKEN,
            name=name,
            role=role,
            jobs=jobs,
            created_at=now,
            created_by="anna",
            expires_at=None if days is None else now + timedelta(days=days),
        )
        with closing(open_ledger(self.place.config.ledger_url)) as store, store.transaction():
            add_token(store, grant)
        return secret

    def sign_in(self, secret: str, *, field: str = "token") -> Browser:
        """Sign a browser in."""
        got = self.ask("/login", "POST", form={field: secret}, origin=ORIGIN, sec_fetch_site="same-origin")
        assert got.status == 303, got.text
        cookie = got.headers["set-cookie"].partition(";")[0]
        page = self.ask("/jobs", cookie=cookie, accept="text/html").text
        _, _, rest = page.partition('name="csrf" value="')
        return Browser(cookie, rest.partition('"')[0])

    def place_of(self, who: Who) -> VisitPlace:
        """The place of a request of this user, now."""
        return self.place.of_visit(self.world.clock.now, who)

    def silence(self) -> None:
        """Let the time pass after which no engine is heard; nothing falls due."""
        self.world.clock.advance(seconds=SILENT.total_seconds())

    def lose_ledger(self) -> None:
        """From now on there is no ledger."""
        self._end_engine()
        Chosen.ledgers.lose(self.world.config.ledger)

    def damage_ledger(self) -> None:
        """From now on the ledger is refused."""
        self._end_engine()
        Chosen.ledgers.damage(self.world.config.ledger)

    def _end_engine(self) -> None:
        self.world.view.close()
        self.world.store.close()

    def close(self) -> None:
        self.app.close()
        self.site.close()
        self._end_engine()
        Chosen.ledgers.give_back(self.world.config.ledger)


def _dump(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()


async def _answered(app: App, scope: dict[str, Any], body: bytes) -> Got:
    parts: list[bytes] = []
    start: dict[str, Any] = {}
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.sleep(3600)  # the client stays
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return Got(start["status"], headers, b"".join(parts).decode())
