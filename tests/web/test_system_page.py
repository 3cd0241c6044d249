"""The page of the system: what `status`, `clock` and `doctor` say, and a test message to a channel."""

import html
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.answers.findings import AREAS
from engine.answers.status_text import status_rows
from engine.core.access import Role
from engine.core.records import Owed
from engine.doctor.checking import diagnose
from engine.host.machine import read_machine
from engine.service.status import status_at
from tests.web.site import Web

JOBS = """\
version: 1
channels:
  file: {command: [cp, /dev/stdin, "%s"]}
  broken: {command: ["sh", "-c", "echo '<b>no</b> way' >&2; exit 1"]}
jobs:
  good: {schedule: "*/10 * * * *", run: echo hi, notify: {failed: [broken]}}
"""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("site")
    made = Web(folder, JOBS % (folder / "got"))
    made.world.step()
    made.live()
    made.silence()
    yield made
    made.close()


def shown(web: Web, path: str) -> str:
    got = web.owner(path, accept="text/html")
    assert got.status == 200, got.text
    return html.unescape(got.text)


def test_it_says_what_status_says(web: Web) -> None:
    text = shown(web, "/system")
    status = status_at(web.place.config, web.world.view, now=web.world.clock.now())
    for label, words in status_rows(status):
        if label != "disk":
            assert f"<dd>{words}</dd>" in text
    assert "This needs attention" in text
    assert "synchronized" in text
    assert '<a href="/changes"' in text


def test_doctor_says_what_the_command_says(web: Web) -> None:
    text = shown(web, "/system/doctor")
    examined = list(diagnose(web.place.config, now=web.world.clock.now(), machine=read_machine()))
    for finding in (one for area in examined for one in area.findings):
        assert finding.code in text
        assert finding.help in text
    for area in examined:
        assert f"<dt>{AREAS[area.area]}</dt>" in text
    assert 'hx-get="/system/doctor"' in shown(web, "/system")


def test_a_test_message_is_sent_and_its_result_shown(web: Web) -> None:
    operator = web.sign_in(web.add_token("sends", Role.OPERATOR))
    good = web.ask("/system/test", "POST", browser=operator, form={"channel": "file"})
    assert (good.status, "channel file got the message" in good.text) == (200, True)
    assert "test message for channel file" in json.dumps(web.place.main_file.with_name("got").read_text())
    bad = web.ask("/system/test", "POST", browser=operator, form={"channel": "broken"})
    assert "channel broken did NOT get the message" in bad.text
    assert "&lt;b&gt;no&lt;/b&gt; way" in bad.text
    none = web.ask("/system/test", "POST", browser=operator, form={"channel": "<i>"})
    assert "has no channel `&lt;i&gt;`" in none.text
    web.place.main_file.chmod(0o666)
    unsafe = web.ask("/system/test", "POST", browser=operator, form={"channel": "file"})
    assert "got the message" not in unsafe.text
    assert "chmod" in unsafe.text
    web.place.main_file.chmod(0o600)
    viewer = web.sign_in(web.add_token("sees", Role.VIEWER))
    assert "Send a test" not in web.ask("/system", browser=viewer).text
    assert web.ask("/system/test", "POST", browser=viewer, form={"channel": "file"}).status == 403


def test_notifications_that_wait_or_were_given_up_are_listed(web: Web) -> None:
    assert "None: each was delivered" in shown(web, "/system")
    store, now = web.world.store, web.world.clock.now()
    run = web.world.runs("good")[0].id
    with store.transaction():
        for number in range(3):
            store.outbox.add(Owed(f"owed-{number}", now, "failed", "broken", "good", run, "{}"))
        store.outbox.failed("owed-1", error="<b>refused</b>", next_try_at=now)
        store.outbox.give_up("owed-2", error="gone", now=now)
    web.site.memory.forget()
    text = shown(web, "/system")
    assert "2 wait, 1 given up" in text
    assert f'failed of <a href="/jobs/good">good</a> <a class="mono" href="/runs/{run}">' in text
    assert "<b>refused</b>" in text
    assert "&lt;b&gt;refused" in web.owner("/system", accept="text/html").text
    assert [one.last_error for one in web.world.view.undelivered(limit=2)] == ["", "<b>refused</b>"]


def test_with_errors_in_the_files_the_channels_are_not_known(tmp_path: Path) -> None:
    web = Web(tmp_path)
    web.world.step()
    assert "no channel, so nobody is notified" in shown(web, "/system")
    web.place.main_file.write_text("version: 2\n")
    web.site.memory.forget()
    assert "The channels are not known: the job files have 1 error" in shown(web, "/system")
    web.close()
