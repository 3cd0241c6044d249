"""Who may do what: tokens, roles, the sessions of browsers, other sites, proxies."""

import re
from pathlib import Path

import pytest

from engine.asking.tokens import CODE_LENGTH, digest
from engine.core.access import Grant, GrantKind, Role
from engine.core.errors import JobfileError
from engine.host.lock import make_state_dir
from engine.transactions.access import add_code, revoke_token
from engine.web.access import Access, make_token, read_token
from engine.web.limits import FAILURES_PER_MINUTE, RECORDED_FAILURES, REQUESTS_PER_MINUTE
from engine.web.routes import all_routes
from engine.web.visits import Route
from tests.ledgers import Chosen
from tests.web.site import ORIGIN, Browser, Got, Web

OPEN = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/login"),
    ("POST", "/hooks/{hook}"),
    ("POST", "/login"),
    ("GET", "/static/{file}"),
}
"""Every route that needs no token: a new one has to be named here."""
VALUES = {
    "{hook}": "no-such-hook",
    "{job}": "good",
    "{run}": "0" * 32,
    "{file}": "style.css",
    "{number}": "1",
    "{plan}": "0" * 32,
}
ROUTES = all_routes().all


def address(route: Route) -> str:
    return re.sub(r"\{\w+\}", lambda found: VALUES[found[0]], route.path)


def test_only_the_named_routes_are_open() -> None:
    assert {(one.method, one.path) for one in ROUTES if one.access is Access.OPEN} == OPEN


@pytest.mark.parametrize("route", ROUTES, ids=lambda one: f"{one.method} {one.path}")
def test_each_route_asks_for_its_role(web: Web, route: Route) -> None:
    """Without a token 401; with a role below its own 403; a browser without its form's secret 403."""
    if route.access is Access.OPEN or route.path == "/live":
        return
    name = f"{route.method}-{route.path.replace('/', '-').strip('-')}"
    path = address(route)
    assert web.ask(path, route.method).status == 401
    assert web.ask(path, route.method, token="x" * 43, peer=name).status == 401
    viewer = token_of(web, Role.VIEWER)
    got = web.ask(path, route.method, token=viewer)
    assert (got.status == 403) == (route.access > Access.VIEW), got.text
    if route.method != "GET":
        browser = web.sign_in(web.token)
        for missing in ({"x_csrf_token": None}, {"x_csrf_token": "0" * 64}, {"origin": None}):
            assert web.ask(path, route.method, browser=browser, **missing).status == 403


def token_of(web: Web, role: Role) -> str:
    """A token of this role, made once."""
    kept = web.__dict__.setdefault("tokens", {})
    if role not in kept:
        kept[role] = web.add_token(f"a-{role.value}", role)
    return str(kept[role])


def test_a_method_that_a_route_does_not_have_is_refused_with_and_without_a_token(web: Web) -> None:
    for route in ROUTES:
        other = "POST" if route.method == "GET" else "GET"
        if any((one.method, one.path) == (other, route.path) for one in ROUTES):
            continue
        got = web.owner(address(route), other)
        assert (got.status, route.method in got.headers["allow"].split(", ")) == (405, True)
        assert web.owner(address(route), "DELETE").status == 405


FOREIGN = {
    "a different site": {"origin": "https://evil.example", "sec_fetch_site": "cross-site"},
    "a different port of this host": {"origin": "http://127.0.0.1:9999", "sec_fetch_site": "same-site"},
    "a sandboxed frame": {"origin": "null"},
    "https in place of http": {"origin": ORIGIN.replace("http", "https")},
    "an old browser without Origin": {"origin": None},
    "a site that says so": {"sec_fetch_site": "cross-site"},
    "typed in": {"sec_fetch_site": "none"},
}


@pytest.mark.parametrize("site", FOREIGN)
def test_a_different_site_changes_nothing_even_with_the_cookie_and_the_secret(web: Web, site: str) -> None:
    browser = web.sign_in(web.token)
    path, body = "/api/v1/jobs/good/pause", {"why": "csrf"}
    assert web.ask(path, "POST", browser=browser, json=body, **FOREIGN[site]).status == 403
    assert not web.world.view.pauses_between("good", since=web.world.clock.now(), until=web.world.clock.now())


def test_a_program_is_refused_when_a_browser_sends_its_token_for_a_different_site(web: Web) -> None:
    got = web.owner("/api/v1/jobs/good/pause", "POST", json={}, origin="https://evil.example")
    assert got.status == 403


def test_a_token_is_never_taken_from_the_address_or_a_cookie(web: Web) -> None:
    assert web.ask(f"/jobs?token={web.token}").status == 401
    assert web.ask(f"/jobs?access_token={web.token}").status == 401
    assert web.ask("/jobs", cookie=f"{web.site.cookie}={web.token}").status == 401
    for form in (f"Basic {web.token}", f"bearer {web.token}", web.token, f"Bearer {web.token} x", "Bearer "):
        assert web.ask("/jobs", authorization=form).status == 401


def test_a_browser_signs_in_with_a_token_and_gets_a_cookie_that_no_script_and_no_site_can_use(
    web: Web,
) -> None:
    got = web.ask("/login", "POST", form={"token": web.token}, origin=ORIGIN)
    assert (got.status, got.headers["location"]) == (303, "/")
    cookie = got.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert web.token.lower() not in cookie


def test_over_https_the_cookie_is_bound_to_this_host(tmp_path: Path) -> None:
    web = Web(tmp_path, is_secure=True)
    got = web.ask("/login", "POST", form={"token": web.token}, origin=ORIGIN.replace("http", "https"))
    assert got.headers["set-cookie"].startswith("__Host-jobfile_")
    assert "secure" in got.headers["set-cookie"].lower()
    web.close()


def test_a_session_that_was_planted_before_is_not_the_one_after(web: Web) -> None:
    """Session fixation: each sign-in has a secret of its own, whatever cookie the browser sends."""
    planted = f"{web.site.cookie}={'a' * 43}"
    got = web.ask("/login", "POST", form={"token": web.token}, origin=ORIGIN, cookie=planted)
    assert "a" * 43 not in got.headers["set-cookie"]
    assert web.ask("/jobs", cookie=planted).status == 401
    assert web.sign_in(web.token).cookie != web.sign_in(web.token).cookie


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/nowhere",
        "/login",
        "/static/style.css",
        "/api/v1/jobs",
        "javascript:alert(1)",
        "/jobs\r\nset-cookie: a=b",
        "/jobs?x=\u2028",
    ],
)
def test_signing_in_leads_to_a_page_of_this_site_only(web: Web, wanted: str) -> None:
    got = web.ask("/login", "POST", form={"token": web.token, "next": wanted}, origin=ORIGIN)
    assert got.headers["location"] == "/"


def test_a_link_leads_back_to_its_page_after_signing_in(web: Web) -> None:
    got = web.ask("/jobs?in=failed", accept="text/html")
    assert (got.status, got.headers["location"]) == (303, "/login?next=%2Fjobs%3Fin%3Dfailed")
    page = web.ask(got.headers["location"], accept="text/html").text
    assert 'value="/jobs?in=failed"' in page
    got = web.ask("/login", "POST", form={"token": web.token, "next": "/jobs?in=failed"}, origin=ORIGIN)
    assert got.headers["location"] == "/jobs?in=failed"


def test_a_link_in_a_chat_is_loaded_again_so_that_the_browser_sends_its_strict_cookie(web: Web) -> None:
    got = web.ask("/jobs", accept="text/html", sec_fetch_site="cross-site")
    assert (got.status, 'http-equiv="refresh"' in got.text) == (200, True)


def test_a_code_signs_one_browser_in_once_and_within_a_minute(web: Web) -> None:
    first, second = code(web), code(web)
    browser = web.sign_in(first, field="code")
    assert web.ask("/jobs", browser=browser).status == 200
    got = web.ask("/login", "POST", form={"code": first}, origin=ORIGIN, peer="10.0.0.1")
    assert got.status == 401
    assert web.ask("/jobs", token=second).status == 401  # a code is no token
    web.world.pass_time(seconds=61)
    got = web.ask("/login", "POST", form={"code": second}, origin=ORIGIN, peer="10.0.0.1")
    assert got.status == 401


def code(web: Web) -> str:
    now, secret = web.world.clock.now(), f"{web.world.new_id()}{'c' * 11}"
    grant = Grant(
        hash=digest(secret),
        kind=GrantKind.CODE,
        name="anna",
        role=Role.ADMIN,
        created_at=now,
        created_by="anna",
        expires_at=now + CODE_LENGTH,
    )
    with web.world.store.transaction():
        add_code(web.world.store, grant)
    return secret


def test_signing_out_ends_the_session_here_or_everywhere(web: Web) -> None:
    token = web.add_token("leaver", Role.VIEWER)
    first, second, third = web.sign_in(token), web.sign_in(token), web.sign_in(token)
    assert web.ask("/logout", "POST", browser=first, form={"csrf": first.csrf}).status == 303
    assert [seen(web, one) for one in (first, second, third)] == [401, 200, 200]
    assert (
        web.ask("/logout", "POST", browser=second, form={"csrf": second.csrf, "everywhere": "1"}).status
        == 303
    )
    assert [seen(web, one) for one in (second, third)] == [401, 401]


def seen(web: Web, browser: Browser) -> int:
    return web.ask("/jobs", browser=browser, accept="*/*").status


def test_a_session_ends_after_twelve_hours_and_a_token_at_its_time(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    short = web.add_token("short", Role.VIEWER, days=1)
    browser = web.sign_in(web.token)
    web.world.pass_time(seconds=11 * 3600)
    assert (seen(web, browser), web.ask("/jobs", token=short).status) == (200, 200)
    of_short = web.sign_in(short)
    web.world.pass_time(seconds=3600)
    assert seen(web, browser) == 401
    web.world.pass_time(seconds=11 * 3600 + 3590)  # the token has 10 seconds left, its session had 12 hours
    assert seen(web, of_short) == 401
    assert web.ask("/jobs", token=short).status == 200
    web.world.pass_time(seconds=11)
    assert web.ask("/jobs", token=short).status == 401
    web.close()


def test_revoking_a_token_ends_it_and_its_sessions_at_once(web: Web) -> None:
    token = web.add_token("ends", Role.OPERATOR)
    browser = web.sign_in(token)
    assert (web.ask("/jobs", token=token).status, seen(web, browser)) == (200, 200)
    with web.world.store.transaction():
        revoke_token(web.world.store, "ends", by="anna", why="left", now=web.world.clock.now())
    assert (web.ask("/jobs", token=token).status, seen(web, browser)) == (401, 401)


def test_removing_the_token_of_the_folder_ends_its_sessions(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    browser = web.sign_in(web.token)
    (web.place.state_dir / "token").unlink()
    assert seen(web, browser) == 401
    assert web.owner("/jobs").status == 401
    web.close()


def test_the_last_use_of_a_token_is_recorded_and_its_secret_nowhere(web: Web) -> None:
    token = web.add_token("used", Role.VIEWER)
    web.ask("/jobs", token=token)
    (found,) = [one for one in web.world.view.access.tokens() if one.name == "used"]
    assert found.used_at == web.world.clock.now()
    content = Chosen.ledgers.content(web.place.config.ledger)
    assert digest(token).encode() in content
    assert token.encode() not in content


def test_the_audit_names_the_token_or_the_user(web: Web) -> None:
    token = web.add_token("deploy", Role.OPERATOR)
    assert web.ask("/api/v1/jobs/other/pause", "POST", token=token, json={"why": "release"}).status == 200
    assert web.owner("/api/v1/jobs/other/resume", "POST", json={}).status == 200
    actors = [(one.actor, one.action, one.object) for _, one in web.world.view.recent_audit(limit=2)]
    assert actors == [("owner", "resume", "other"), ("token deploy", "pause", "other")]


def test_a_limited_token_sees_its_jobs_and_learns_of_no_other(web: Web) -> None:
    token = web.add_token("limited", Role.OPERATOR, jobs="goo?")
    run = web.world.runs("bad")[0]

    def ask(path: str, method: str = "GET", **more: object) -> Got:
        return web.ask(path, method, token=token, **more)  # type: ignore[arg-type]

    assert [one["job"] for one in ask("/api/v1/jobs").json["jobs"]] == ["good"]
    assert {one["job"] for one in ask("/api/v1/runs").json["runs"]} == {"good"}
    assert [one["job"] for one in ask("/api/v1/report").json["jobs"]] == ["good"]
    page = ask("/jobs", accept="text/html").text
    assert "good" in page
    assert not re.search(r"\bbad(?![ \"])|/bad", page)
    for path in (
        "/api/v1/jobs/bad",
        "/api/v1/jobs/bad/did",
        f"/api/v1/runs/{run.id}",
        f"/api/v1/runs/{run.id}/logs",
    ):
        there, nowhere = ask(path), ask(path.replace("bad", "nope").replace(run.id, "f" * 32))
        assert there.status == nowhere.status == 404
        assert "bad" not in there.text + nowhere.text
        assert "other" not in nowhere.text
    assert ask("/api/v1/jobs/bad/runs", "POST", json={}).status == 404
    assert ask(f"/api/v1/runs/{run.id}/retry", "POST", json={}).status == 404
    for path in ("/api/v1/status", "/api/v1/generations"):
        assert ask(path).status == 403


def test_failed_sign_ins_of_an_address_are_limited_and_disturb_no_other(web: Web) -> None:
    tries = [web.ask("/jobs", token="y" * 43, peer="10.9.9.9").status for _ in range(FAILURES_PER_MINUTE + 2)]
    assert tries == [401] * FAILURES_PER_MINUTE + [429] * 2
    limited = web.ask("/login", "POST", form={"token": "y" * 43}, origin=ORIGIN, peer="10.9.9.9")
    assert (limited.status, int(limited.headers["retry-after"]) >= 1) == (429, True)
    assert web.ask("/jobs", token=web.token, peer="10.9.9.8").status == 200


def test_no_stranger_locks_out_those_who_share_an_address_with_him(web: Web) -> None:
    """All who come through a proxy have its address, and all users of this machine have one."""
    for _ in range(FAILURES_PER_MINUTE + 2):
        web.ask("/jobs", token="y" * 43, peer="10.9.9.7")
    assert web.ask("/jobs", token="y" * 43, peer="10.9.9.7").status == 429
    assert web.ask("/jobs", token=web.token, peer="10.9.9.7").status == 200
    form = {"token": web.add_token("shares", Role.VIEWER)}
    assert web.ask("/login", "POST", form=form, origin=ORIGIN, peer="10.9.9.7").status == 303


def test_failed_sign_ins_are_in_the_audit_but_a_flood_of_them_does_not_fill_it(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    for number in range(40):
        for _ in range(3):
            web.ask("/jobs", token="z" * 43, peer=f"10.0.1.{number}")
    found = [one for _, one in web.world.view.recent_audit(limit=99) if one.action == "sign in refused"]
    assert len(found) == RECORDED_FAILURES
    assert {(one.actor, one.object) for one in found} == {
        (f"nobody at 10.0.1.{number}", "token") for number in range(RECORDED_FAILURES)
    }
    web.world.pass_time(seconds=60)
    web.ask("/login", "POST", form={"token": "wrong"}, origin=ORIGIN, peer="10.0.1.1")
    assert web.world.view.recent_audit(limit=1)[0][1].actor == "nobody at 10.0.1.1"
    assert "wrong" not in str(web.world.view.recent_audit(limit=99))
    web.close()


def test_the_requests_of_a_token_to_the_api_are_limited(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    token, other = web.add_token("busy", Role.VIEWER), web.add_token("calm", Role.VIEWER)
    statuses = {web.ask("/api/v1/jobs?limit=0", token=token).status for _ in range(REQUESTS_PER_MINUTE + 1)}
    assert statuses == {422, 429}
    assert web.ask("/api/v1/jobs", token=other).status == 200
    web.close()


def test_a_proxy_that_names_two_users_is_not_believed(tmp_path: Path) -> None:
    """One that adds its header, and does not remove the one that the browser sent."""
    web = Web(tmp_path, proxies=frozenset(("10.0.0.7",)))
    web.world.step()
    user, host = (b"x-remote-user", b"anna"), (b"host", b"127.0.0.1:8420")
    assert web.raw("GET", b"/jobs", [host, user], peer="10.0.0.7").status == 200
    assert web.raw("GET", b"/jobs", [host, user], peer="::ffff:10.0.0.7").status == 200, (
        "at a socket for IPv6"
    )
    assert web.raw("GET", b"/jobs", [host, (b"x-remote-user", b"root"), user], peer="10.0.0.7").status == 400
    web.close()


def test_a_proxy_may_pass_on_the_password_with_which_its_user_signed_in_there(tmp_path: Path) -> None:
    """As nginx does with `auth_basic`. It is none of ours; the user is the one whom the proxy names."""
    web = Web(tmp_path, proxies=frozenset(("10.0.0.7",)), proxy_role=Role.OPERATOR)
    web.world.step()
    password = {"authorization": "Basic YW5uYTpzZWNyZXQ="}
    named = {"peer": "10.0.0.7", "x_remote_user": "anna", **password}
    page = web.ask("/jobs", accept="text/html", **named)
    assert page.status == 200
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    path, sent = "/api/v1/jobs/good/pause", {"json": {"why": "x"}, "x_csrf_token": csrf}
    assert web.ask(path, "POST", **named, **sent).status == 403, "a browser names its site"
    assert web.ask(path, "POST", **named, json={"why": "x"}, origin=ORIGIN).status == 403
    assert web.ask(path, "POST", **named, **sent, origin=ORIGIN).status == 200
    assert web.ask("/jobs", peer="10.0.0.7", **password).status == 401
    assert web.ask("/jobs", peer="10.0.0.8", x_remote_user="anna", **password).status == 401
    token = web.add_token("program", Role.VIEWER)
    got = web.ask(path, "POST", peer="10.0.0.7", x_remote_user="anna", token=token, json={})
    assert got.status == 403, "a token counts more than what the proxy says"
    web.close()


def test_a_proxy_is_believed_only_from_its_address_and_its_users_need_the_secret_of_the_form(
    tmp_path: Path,
) -> None:
    web = Web(tmp_path, proxies=frozenset(("10.0.0.7",)), proxy_role=Role.OPERATOR)
    web.world.step()
    assert web.ask("/jobs", x_remote_user="anna").status == 401
    page = web.ask("/jobs", x_remote_user="anna", peer="10.0.0.7", accept="text/html")
    assert (page.status, "anna, operator" in page.text) == (200, True)
    path, body = "/api/v1/jobs/good/pause", {"why": "x"}
    one = {"x_remote_user": "anna", "peer": "10.0.0.7", "origin": ORIGIN}
    assert web.ask(path, "POST", json=body, **one).status == 403
    secret = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    assert web.ask(path, "POST", json=body, x_csrf_token=secret, **one).status == 200
    assert web.world.view.recent_audit(limit=1)[0][1].actor == "anna"
    for user in ("", "a\x01b", "x" * 200):
        assert web.ask("/jobs", x_remote_user=user, peer="10.0.0.7").status == 400
    web.close()


def test_the_user_at_the_socket_is_the_one_that_the_kernel_names_not_a_header(web: Web) -> None:
    headers = [(b"host", b"127.0.0.1:8420"), (b"x-peer-uid", b"0"), (b"accept", b"text/html")]
    assert web.raw("GET", b"/api/v1/jobs", headers).status == 401
    assert web.raw("GET", b"/api/v1/jobs", headers, state={"peer_uid": 0}).status == 200


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_token_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    state = tmp_path / "state"
    make_state_dir(state)
    token = make_token(state)
    assert make_token(state) == token
    assert (state / "token").stat().st_mode & 0o777 == 0o600
    (state / "token").chmod(mode)
    with pytest.raises(JobfileError, match="open to others"):
        read_token(state)
    (state / "token").unlink()
    (state / "token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JobfileError):
        read_token(state)
