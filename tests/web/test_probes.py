"""What monitoring asks: `/healthz`, `/readyz` and `/metrics`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from engine.core.access import Role
from engine.host.lock import EngineLock
from engine.service.metrics import collect, metrics_text
from tests.web.site import Web


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    made.world.step()
    made.live()
    yield made
    made.close()


def test_the_metrics_are_those_of_the_command_and_need_a_token(web: Web) -> None:
    token = web.add_token("prometheus", Role.VIEWER)
    got = web.ask("/metrics", token=token)
    expected = metrics_text(collect(web.place.config, web.world.view, now=web.world.clock.now())).decode()

    def plain(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith("jobfile_disk_free_bytes")]

    assert plain(got.text) == plain(expected)
    assert got.headers["content-type"].startswith("text/plain; version=")
    assert {one.name for one in text_string_to_metric_families(got.text)} >= {"jobfile_up", "jobfile_adds_up"}
    assert web.ask("/metrics").status == 401
    some = web.add_token("some", Role.ADMIN, jobs="good")
    assert web.ask("/metrics", token=some).status == 403


def test_without_the_library_the_metrics_say_what_to_install(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    monkeypatch.delitem(sys.modules, "engine.service.metrics", raising=False)
    got = web.owner("/metrics")
    assert (got.status, "pip install 'jobfile[metrics]'" in got.text) == (501, True)


def test_a_probe_learns_one_word_whatever_is_wrong(own: Web) -> None:
    assert (own.ask("/healthz").text, own.ask("/healthz").status) == ("ok\n", 200)
    own.silence()
    got = own.ask("/readyz")
    assert (got.status, got.text) == (503, "not ready\n"), "no engine runs"
    own.damage_ledger()
    own.site.memory.forget()
    got = own.ask("/readyz")
    assert (got.status, got.text) == (503, "not ready\n")
    assert own.ask("/healthz").status == 200


def test_with_an_engine_it_is_ready(own: Web) -> None:
    lock = EngineLock.take(own.place.state_dir)
    own.site.memory.forget()
    assert (own.ask("/readyz").status, own.ask("/readyz").text) == (200, "ready\n")
    lock.release()
