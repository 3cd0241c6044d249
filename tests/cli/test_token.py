"""`jobfile token` and `jobfile ui`: who may use the page and the API."""

import re
import sqlite3
from pathlib import Path

from tests.cli.conftest import Jobfile


def test_a_token_is_shown_once_and_only_its_hash_is_kept(jobfile: Jobfile, tmp_path: Path) -> None:
    said = jobfile("token", "add", "deploy", "--role", "operator", "--jobs", "go*", "--expires", "90d")
    secret = said.out.strip()
    assert (said.code, len(secret) >= 43) == (0, True)
    assert "not shown again" in said.err
    for file in (tmp_path / ".jobfile").glob("ledger.db*"):
        assert secret.encode() not in file.read_bytes()
    listed = jobfile("token", "list").out
    assert re.search(r"deploy +operator +go\* +valid +never", listed)
    assert secret not in listed + jobfile("audit").out + jobfile("token", "list", "--json").out


def test_a_name_is_taken_until_its_token_is_revoked_or_expires(jobfile: Jobfile, tmp_path: Path) -> None:
    first = jobfile("token", "add", "ci", "--json").json
    assert (first["role"], first["jobs"], first["expires_at"]) == ("viewer", "*", None)
    again = jobfile("token", "add", "ci")
    assert (again.code, "jobfile token revoke ci" in again.err) == (1, True)
    assert jobfile("token", "revoke", "ci", "--json").json["state"] == "revoked"
    assert jobfile("token", "add", "ci").code == 0
    with sqlite3.connect(tmp_path / ".jobfile" / "ledger.db") as db:
        db.execute("update access_grant set expires_at = created_at where ended_at is null")
    assert "expired" in jobfile("token", "list").out
    assert jobfile("token", "add", "ci").code == 0
    states = [one["state"] for one in jobfile("token", "list", "--json").json["tokens"]]
    assert states == ["valid", "revoked", "revoked"]


def test_the_audit_says_who_made_and_ended_a_token_and_why(jobfile: Jobfile) -> None:
    jobfile("token", "add", "ci", "--why", "new pipeline")
    jobfile("token", "revoke", "ci", "--why", "leaked")
    records = jobfile("audit", "--json").json["records"]
    assert [(one["action"], one["object"]) for one in records[:2]] == [
        ("token revoke", "ci"),
        ("token add", "ci"),
    ]
    assert records[0]["detail"] == "leaked"
    assert records[1]["detail"] == "new pipeline; viewer, jobs *"


def test_wrong_words_are_explained(jobfile: Jobfile) -> None:
    for words in (
        ["add"],
        ["list", "x"],
        ["revoke"],
        ["add", "Upper"],
        ["add", "a b"],
        ["add", "x", "--jobs", "a/b"],
        ["add", "x", "--expires", "soon"],
        ["revoke", "x", "--role", "viewer"],
    ):
        assert jobfile("token", *words).code == 64, words
    assert jobfile("token", "list").out == "no tokens; make one with  jobfile token add NAME\n"
    jobfile("token", "add", "x")
    said = jobfile("token", "revoke", "y")
    assert (said.code, "jobfile token list" in said.err) == (1, True)


def test_ui_says_how_to_serve_the_page_first(jobfile: Jobfile) -> None:
    said = jobfile("ui")
    assert (said.code, "jobfile serve --listen" in said.err) == (1, True)
