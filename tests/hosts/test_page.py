"""The page, the API and the metrics of hosts that share a ledger."""

import html
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.answers.hosts import fleet_to_json
from engine.asking.hosts import ask_hosts
from tests.cli.test_files import fits
from tests.hosts.test_commands import JOBS, busy
from tests.hosts.world import HostsWorld
from tests.web.site import Web


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
