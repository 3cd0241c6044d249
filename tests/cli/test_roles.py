"""The roles of `jobfile up` on a ledger that several hosts share."""

import sys
from pathlib import Path

import pytest

from engine.cli.running_roles import _arguments
from tests.cli.conftest import Jobfile


def test_roles_need_a_ledger_in_a_server_and_what_is_about_a_host_needs_a_role(
    jobfile: Jobfile, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "add --store" in jobfile("up", "--role", "worker").err
    assert "add --role" in jobfile("up", "--label", "gpu").err
    assert "add --role" in jobfile("up", "--slots", "3").err
    store = ("--store", "postgresql://jobfile@/nowhere")
    said = jobfile("up", "--role", "worker", "--label", "GPU", *store)
    assert "--label `GPU` is not a label of a host" in said.err
    assert said.code == 64
    monkeypatch.setenv("JOBFILE_CARRIER", "kubernetes")
    for role in ("worker", "all"):
        said = jobfile("up", "--role", role, *store)
        assert said.code == 64
        assert "no host waits for work; use --role scheduler" in said.err
    monkeypatch.delenv("JOBFILE_CARRIER")
    many = [part for name in "abcdefg" for part in ("--label", name)]
    assert "at most 6 labels" in jobfile("up", "--role", "worker", *many, *store).err
    assert "add --role" in jobfile("up", "--outputs", "file:///srv/outputs").err
    outputs = ("up", "--role", "worker", *store, "--outputs")
    for url in ("ftp://there/place", "s3:place", "file://place", "s3://"):
        assert "is not the URL of an object store; expected s3://BUCKET/PREFIX" in jobfile(*outputs, url).err
    for url in ("s3://key:pa55word@place/outputs", "gs://place/outputs?password=pa55word"):
        said = jobfile(*outputs, url)
        assert "has a password or options" in said.err
        assert "pa55word" not in said.err
    said = jobfile("up", "--role", "scheduler", "--stop-jobs", *store)
    assert (said.code, "jobfile hosts drain" in said.err) == (64, True)


def test_a_host_for_one_attempt_needs_a_whole_id_and_a_ledger_in_a_server(jobfile: Jobfile) -> None:
    assert "the whole id of a run" in jobfile("attempt", "abcd", "1").err
    assert "add --step" in jobfile("attempt", "0" * 32, "1", "--item", "2").err
    assert "add --store" in jobfile("attempt", "0" * 32, "1").err
    assert jobfile("attempt", "0" * 32, "0").code == 64


def test_an_export_refuses_what_it_cannot_print(jobfile: Jobfile, tmp_path: Path) -> None:
    assert "are for --attempt" in jobfile("export", "kubernetes", "abcd").err
    assert "add --step" in jobfile("export", "kubernetes", "--attempt", "abcd", "--item", "2").err
    assert jobfile("export", "kubernetes", "--attempt", "--pod", str(tmp_path / "none")).code == 65
    (tmp_path / "pod.yaml").write_text("spec: {}")
    said = jobfile("export", "kubernetes", "--attempt", "--pod", str(tmp_path / "pod.yaml"))
    assert said.code == 64
    assert "has no `spec` with `containers`" in said.err
    assert jobfile("export", "nomad").code == 64


def test_the_children_of_both_roles_get_the_same_arguments_but_do_not_serve_the_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = ["jobfile", "up", "--role", "all", "--serve", "127.0.0.1:1", "--allow-root", "--name=a", "--json"]
    monkeypatch.setattr(sys, "argv", given)
    assert _arguments("worker") == ["up", "--name=a", "--json", "--role=worker"]
    monkeypatch.setattr(sys, "argv", ["jobfile", "up", "--role=all", "--stop-jobs"])
    assert _arguments("worker") == ["up", "--stop-jobs", "--role=worker"]
    assert _arguments("scheduler") == ["up", "--role=scheduler"], "it executes none"
    monkeypatch.setattr(sys, "argv", ["jobfile", "up", "--serve=127.0.0.1:1", "--role=all"])
    assert _arguments("scheduler") == ["up", "--role=scheduler"]
