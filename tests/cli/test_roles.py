"""The roles of `jobfile up` on a ledger that several hosts share."""

import sys

import pytest

from engine.cli.running_roles import _arguments
from tests.cli.conftest import Jobfile


def test_roles_need_a_ledger_in_a_server_and_what_is_about_a_host_needs_a_role(jobfile: Jobfile) -> None:
    assert "add --store" in jobfile("up", "--role", "worker").err
    assert "add --role" in jobfile("up", "--label", "gpu").err
    assert "add --role" in jobfile("up", "--slots", "3").err
    store = ("--store", "postgresql://jobfile@/nowhere")
    said = jobfile("up", "--role", "worker", "--label", "GPU", *store)
    assert "--label `GPU` is not a label of a host" in said.err
    assert said.code == 64
    many = [part for name in "abcdefg" for part in ("--label", name)]
    assert "at most 6 labels" in jobfile("up", "--role", "worker", *many, *store).err
    assert "add --role" in jobfile("up", "--outputs", "file:///srv/outputs").err
    outputs = ("up", "--role", "worker", *store, "--outputs")
    for url in ("ftp://there/place", "s3:place", "file://place", "s3://"):
        assert "is not one of an object store; expected s3://BUCKET/PREFIX" in jobfile(*outputs, url).err
    for url in ("s3://key:pa55word@place/outputs", "gs://place/outputs?password=pa55word"):
        said = jobfile(*outputs, url)
        assert "has a password or options" in said.err
        assert "pa55word" not in said.err
    assert "jobfile hosts drain" in jobfile("up", "--role", "worker", "--stop-jobs", *store).err


def test_the_children_of_both_roles_get_the_same_arguments_but_do_not_serve_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = ["jobfile", "up", "--role", "all", "--serve", "127.0.0.1:1", "--allow-root", "--name=a", "--json"]
    monkeypatch.setattr(sys, "argv", given)
    assert _arguments("worker") == ["up", "--name=a", "--json", "--role=worker"]
    monkeypatch.setattr(sys, "argv", ["jobfile", "up", "--serve=127.0.0.1:1", "--role=all"])
    assert _arguments("scheduler") == ["up", "--role=scheduler"]
