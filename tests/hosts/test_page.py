"""The page, the API and the metrics of hosts that share a ledger."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.answers.hosts import fleet_to_json
from engine.asking.hosts import ask_hosts
from engine.core.access import Role
from tests.cli.test_files import fits
from tests.hosts.test_commands import JOBS, busy
from tests.hosts.world import HostsWorld
from tests.web.site import Web
from tests.web.test_access import token_of


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    world = HostsWorld(tmp_path, JOBS, hosts=[])
    world.lead("a")
    world.add("a", slots=2, labels=("eu", "gpu"))
    world.add("b", slots=2)
    world.add("c", slots=1)
    busy(world)
    made = Web(tmp_path, JOBS, world=world)
    yield made
    made.close()


def test_the_api_gives_what_the_command_prints(web: Web) -> None:
    got = web.owner("/api/v1/hosts")
    assert got.status == 200
    fits(got.json, "hosts")
    assert got.json == fleet_to_json(ask_hosts(web.place))
    assert "c     worker  SILENT for 31s" in web.owner("/api/v1/hosts", accept="text/plain").text


def test_the_system_page_has_the_hosts_and_the_leader(web: Web) -> None:
    text = html.unescape(web.owner("/system", accept="text/html").text)
    assert "<caption>Leader: a, term 1, until 2026-03-05 13:00:00 UTC unless renewed</caption>" in text
    assert '<th scope="row">a</th>' in text
    assert '<span class="bad">SILENT for 31s</span>' in text
    assert "2 of 2" in text


def test_the_metrics_have_the_hosts(web: Web) -> None:
    text = web.owner("/metrics").text
    for line in (
        'jobfile_hosts{state="silent"} 1.0',
        'jobfile_host_up{host_name="a"} 1.0',
        'jobfile_host_up{host_name="c"} 0.0',
        'jobfile_host_used_slots{host_name="a"} 2.0',
        'jobfile_deliveries{state="offered"} 1.0',
        "jobfile_deliveries_oldest_offered_seconds 11.0",
        "jobfile_leader_term 1.0",
    ):
        assert f"{line}\n" in text


def audited(web: Web) -> list[tuple[str, str, str, str]]:
    assert isinstance(web.world, HostsWorld)
    rows = web.world.db(
        "select actor, action, object, detail from audit where action like 'host %' order by seq"
    )
    return rows.fetchall()


def test_operators_drain_and_resume_hosts_over_the_api(web: Web) -> None:
    operator, viewer = token_of(web, Role.OPERATOR), token_of(web, Role.VIEWER)
    limited = web.add_token("limited", Role.OPERATOR, jobs="load*")
    path = "/api/v1/hosts/drain"
    for token in (viewer, limited):
        assert web.ask(path, "POST", token=token, json={"host": "a"}).status == 403
    got = web.ask(path, "POST", token=operator, json={"host": "a", "why": "a new kernel"})
    assert got.status == 200
    fits(got.json, "hosts-drain")
    assert (got.json["draining"], got.json["was_draining"], len(got.json["attempts"])) == (True, False, 2)
    assert {one["name"]: one["draining"] for one in web.owner("/api/v1/hosts").json["hosts"]}["a"]
    again = web.ask(path, "POST", token=operator, json={"host": "a"}, accept="text/plain")
    assert again.text.startswith("a is draining already: it takes nothing new")
    assert (
        web.ask("/api/v1/hosts/resume", "POST", token=operator, json={"host": "a"}).json["draining"] is False
    )
    unknown = web.ask(path, "POST", token=operator, json={"host": "nope"})
    assert (unknown.status, "no host is called 'nope'" in unknown.text) == (422, True)
    assert [row[1:] for row in audited(web)] == [
        ("host drain", "a", "a new kernel"),
        ("host resume", "a", ""),
    ]
    assert all("operator" in row[0] for row in audited(web))


def test_the_system_page_drains_a_host_if_its_own_form_was_sent(web: Web) -> None:
    operator = web.sign_in(token_of(web, Role.OPERATOR))
    shown = web.ask("/system", browser=operator, accept="text/html").text
    assert shown.count('action="/system/hosts"') == 3
    assert 'aria-label="Drain a"' in shown
    form = {"host": "a", "action": "drain"}
    foreign = operator._replace(csrf="")
    assert web.ask("/system/hosts", "POST", browser=foreign, form=form).status == 403
    assert audited(web) == []
    got = web.ask("/system/hosts", "POST", browser=operator, form=form)
    assert (got.status, got.headers["location"]) == (303, "/system#hosts")
    assert 'aria-label="Resume a"' in web.ask("/system", browser=operator, accept="text/html").text
    assert web.ask("/system/hosts", "POST", browser=operator, form={**form, "action": "resume"}).status == 303
    assert [row[1] for row in audited(web)] == ["host drain", "host resume"]
    viewer = web.sign_in(token_of(web, Role.VIEWER))
    assert 'action="/system/hosts"' not in web.ask("/system", browser=viewer, accept="text/html").text
    assert web.ask("/system/hosts", "POST", browser=viewer, form=form).status == 403


def test_the_system_page_shows_schedulers_without_a_button(web: Web) -> None:
    assert isinstance(web.world, HostsWorld)
    web.world.shared.schedulers.sign(
        "s", name="oslo", process="engine-s", version="1", carrier="procrastinate"
    )
    text = web.owner("/system", accept="text/html").text
    assert '<th scope="row">oslo</th>' in text
    assert "waits to lead" in text
    assert text.count('action="/system/hosts"') == 3
