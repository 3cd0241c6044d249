"""The page in a real browser: signing in, live updates, no error on its console, no request elsewhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from engine.web.navigation import NAVIGATION
from tests.acceptance.engines import say
from tests.web.served import Served, served

JOBS = """\
version: 1
jobs:
  hello: {title: "<b>Hello</b><script>document.title='pwned'</script>", tags: [x], run: echo hi}
  bad: {timezone: Europe/Oslo, run: exit 3}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("browser")
    (folder / "jobs.yaml").write_text(JOBS)
    assert say(folder, "run", "bad").returncode == 1
    assert say(folder, "apply", "--yes").returncode == 0
    with served(folder, "--listen", "127.0.0.1:0") as found:
        yield found


def test_signed_in_by_the_code_the_page_is_live_and_quiet(browser: Browser, server: Served) -> None:
    folder: Path = server.state.parent
    context = browser.new_context(timezone_id="America/New_York", viewport={"width": 360, "height": 740})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda one: one.url.startswith(server.url) or troubles.append(one.url))
    page.goto(say(folder, "ui", "--no-browser").stdout.strip())
    page.wait_for_url(re.compile(re.escape(server.url) + r"(\?.*)?$"))
    assert page.title() == "Today · jobfile"
    page.goto(f"{server.url}jobs")
    assert "code=" not in page.url
    assert page.locator("th[scope=row]").count() == 2
    assert page.get_by_text("<b>Hello</b><script>").is_visible()
    shown = page.locator("tr", has_text="bad").locator("time").first
    assert shown.inner_text().endswith(("EST", "EDT", "GMT−5", "GMT−4"))
    assert "CE" in str(shown.get_attribute("title"))
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.evaluate("document.activeElement.blur()")
    assert say(folder, "pause", "hello", "--why", "by <i>hand</i>").returncode == 0
    page.get_by_text("by <i>hand</i>").wait_for(timeout=20_000)
    assert troubles == []
    page.route("**/jobs*", lambda asked: asked.fulfill(status=503))  # the ledger cannot be reached
    assert say(folder, "resume", "hello").returncode == 0
    page.get_by_text("stale since").wait_for(timeout=20_000)
    assert page.get_by_text("by <i>hand</i>").is_visible()
    page.unroute("**/jobs*")
    assert say(folder, "pause", "hello", "--why", "again").returncode == 0
    page.get_by_text("again").wait_for(timeout=20_000)
    assert page.get_by_text("stale since").is_hidden()
    troubles.clear()
    page.get_by_role("button", name="Sign out", exact=True).click()
    page.wait_for_url(f"{server.url}login")
    assert troubles == []
    context.close()


def test_a_job_is_run_and_its_run_is_cancelled_from_their_pages(browser: Browser, server: Served) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.goto(say(server.state.parent, "ui", "--no-browser").stdout.strip())
    page.wait_for_url(re.compile(re.escape(server.url) + r"(\?.*)?$"))
    page.goto(f"{server.url}jobs")
    with page.expect_navigation():
        page.get_by_role("link", name="hello").click()
    assert page.get_by_text("<b>Hello</b><script>").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    page.get_by_role("link", name="Run now…").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Show what it would do").click()
    assert page.get_by_text("echo hi").is_visible()
    page.get_by_role("button", name="Run it now").click()
    page.wait_for_url(f"{server.url}runs/*")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_text("cancelled by").first.wait_for(timeout=20_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert troubles == []
    context.close()


def test_everything_is_reached_with_the_keyboard_and_a_list_shows_how(
    browser: Browser, server: Served
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, timezone_id="UTC")
    page = context.new_page()
    page.goto(say(server.state.parent, "ui", "--no-browser").stdout.strip())
    page.wait_for_url(re.compile(re.escape(server.url) + r"(\?.*)?$"))
    for one in NAVIGATION:  # from the board too, which has no navigation
        page.keyboard.press("g")
        with page.expect_navigation():
            page.keyboard.press(one.key)
        assert page.url == f"{server.url.rstrip('/')}{one.path}"
    listed = page.locator("#keys")
    assert not listed.is_visible()
    page.keyboard.press("?")
    assert listed.is_visible()
    assert listed.locator("kbd").all_inner_texts() == [
        "/",
        *(key for one in NAVIGATION for key in ("g", one.key)),
        "?",
        "Esc",
    ]
    assert page.evaluate("document.activeElement.innerText") == "Close"
    page.keyboard.press("Escape")
    assert not listed.is_visible()
    page.goto(f"{server.url}jobs")
    page.keyboard.press("/")
    page.keyboard.type("g?/")
    assert page.evaluate("document.activeElement.value") == "g?/"
    page.get_by_role("button", name="Keys").click()
    assert listed.is_visible()
    page.get_by_role("button", name="Close").click()
    assert not listed.is_visible()
    context.close()
