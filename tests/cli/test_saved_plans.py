"""A saved plan is what was reviewed, or it is refused: edited, forged, foreign, or no plan at all."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from engine.core.errors import JobfileError
from engine.host.keys import KEY, find_key, make_key
from engine.planning.saved import MAX_BYTES, Ledger, PlanRefusedError, SavedPlan, read_plan_file
from engine.planning.sealing import seal_of
from engine.supervisor.evidence import KEY_BYTES
from jobfile.model.canonical import canonical_json, digest
from tests.cli.conftest import JOBS, Jobfile
from tests.soak import examples

OTHER = JOBS.replace('"0 4 * * *"', '"30 4 * * *"').replace("run: |", "secrets: {A: env:A}\n    run: |")
CHANGED = "it was changed after it was made"
NAME = "p.jfplan"
Content = dict[str, Any]
Path_ = tuple[str | int, ...]


@pytest.fixture
def saved(jobfile: Jobfile, tmp_path: Path) -> Path:
    """A plan that changes a job which is in force."""
    assert jobfile("apply", "--yes").code == 0
    (tmp_path / "jobs.yaml").write_text(OTHER)
    assert jobfile("plan", "--out", NAME).code == 0
    return tmp_path / NAME


def content_of(path: Path) -> Content:
    content: Content = json.loads(path.read_text())
    del content["seal"]
    return content


def put(path: Path, content: Content, key: bytes) -> None:
    """Write a plan as somebody could who has the key."""
    body = canonical_json(content)
    path.write_text(f'{{"seal":"{seal_of(body.encode(), key)}",{body[1:]}')


def refused(jobfile: Jobfile, why: str) -> None:
    """Exit code 4, the reason, and nothing was applied."""
    before = jobfile("generations", "--json").json["generations"]
    said = jobfile("apply", NAME)
    assert said.code == 4, said
    assert why in said.err
    assert said.out == ""
    assert jobfile("generations", "--json").json["generations"] == before


def places(tree: object, at: Path_ = ()) -> Iterator[Path_]:
    """Every value in a tree, the trees in it too."""
    yield at
    parts = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, part in parts:
        yield from places(part, (*at, key))


def replaced(tree: Any, at: Path_, change: Callable[[Any], Any]) -> Any:
    if not at:
        return change(tree)
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[at[0]] = replaced(tree[at[0]], at[1:], change)  # type: ignore[index,call-overload]  # any JSON
    return copy


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=9),
    st.sampled_from(["\x1b]0;x\x07", "../../evil", "touch PWNED", [], {}, [[]], {"a": 1}, 1.0, -0.0]),
)


@settings(
    max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_plan_with_any_value_changed_is_refused(saved: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = json.loads(saved.read_text())
    at = data.draw(st.sampled_from(list(places(whole))[1:]))
    value = data.draw(VALUES)
    edited = replaced(whole, at, lambda _: value)
    if canonical_json(edited) == canonical_json(whole):
        return
    path = tmp_path / "edited.jfplan"
    body = canonical_json({key: one for key, one in edited.items() if key != "seal"})
    path.write_text(f'{{"seal":{json.dumps(edited["seal"])},{body[1:]}')
    here = Ledger(lineage=whole["plan"]["from"]["lineage"], key=find_key(tmp_path / ".jobfile"))
    found = read_or_why(path, here)
    if isinstance(found, str):
        assert CHANGED in found
    else:
        assert (found.is_sealed, at[-1]) == (False, "lineage")
        assert found.lineage != here.lineage, "refused as a plan for another ledger"


def read_or_why(path: Path, here: Ledger) -> SavedPlan | str:
    try:
        return read_plan_file(path, here=here)
    except PlanRefusedError as error:
        return str(error)


@settings(
    max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_plan_with_any_byte_changed_is_refused(saved: Path, tmp_path: Path, data: st.DataObject) -> None:
    whole = saved.read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    new = data.draw(st.binary(max_size=2).filter(lambda new: new != whole[at : at + 1]))
    path = tmp_path / "edited.jfplan"
    path.write_bytes(whole[:at] + new + whole[at + 1 :])
    lineage = json.loads(whole)["plan"]["from"]["lineage"]
    here = Ledger(lineage=lineage, key=find_key(tmp_path / ".jobfile"))
    found = read_or_why(path, here)
    assert isinstance(found, str) or (not found.is_sealed and found.lineage != lineage)


EDITS: dict[str, tuple[Path_, Any]] = {
    "the script behind a text": (("target", 2, "spec", "action", "compiled"), "touch PWNED"),
    "the text that is shown": (("target", 2, "spec", "action", "text"), "echo harmless"),
    "the values of a script": (("target", 2, "spec", "action", "values"), ["run.id", "run.id"]),
    "the shell": (("target", 0, "spec", "action", "shell"), ["sh", "-c", "touch PWNED"]),
    "the name of a job": (("target", 0, "spec", "name"), "../../evil\x1b]0;x\x07"),
    "the name of a constant": (("target", 2, "spec", "vars"), {"a b": 1}),
    "the name of a secret": (("target", 2, "spec", "secrets"), {"A=B": "env:A"}),
    "a former name": (("target", 0, "spec", "renamed_from"), "../x"),
    "a key that nobody knows": (("target", 0, "spec", "more"), 1),
    "another job's schedule": (("plan", "jobs", 0, "schedule", "next_after"), []),
    "a field that is not told": (("plan", "jobs", 0, "fields"), []),
    "the instant": (("plan", "now"), "2000-01-01T00:00:00Z"),
    "a job that is not told": (("plan", "jobs"), []),
    "the sum": (("plan", "summary", "change"), 7),
    "the language": (("cron_semantics",), 99),
}


@pytest.mark.parametrize("has_key", [False, True])
def test_a_forged_plan_is_refused_even_with_the_right_seal(
    jobfile: Jobfile, saved: Path, tmp_path: Path, *, has_key: bool
) -> None:
    key = find_key(tmp_path / ".jobfile")
    assert key is not None
    whole = content_of(saved)
    for edit, (at, value) in EDITS.items():
        content = replaced(whole, at[:-1], lambda tree, at=at, value=value: {**tree, at[-1]: value})
        specs = {one["spec"]["name"]: digest(canonical_json(one["spec"])) for one in content["target"]}
        content["plan"]["to"]["sha256"] = digest(canonical_json(specs))
        put(saved, content, key if has_key else bytes(KEY_BYTES))
        is_told_apart = has_key and edit == "the language"
        refused(jobfile, "reads job files differently" if is_told_apart else CHANGED)
        said = jobfile("show", NAME)
        assert "\x1b" not in said.out + said.err, edit


def test_a_plan_whose_key_is_lost_or_another_is_made_again(
    jobfile: Jobfile, saved: Path, tmp_path: Path
) -> None:
    key = tmp_path / ".jobfile" / KEY
    assert (key.stat().st_mode & 0o777, key.stat().st_size) == (0o600, KEY_BYTES)
    key.unlink()
    refused(jobfile, "make the plan again here:  jobfile plan --out")
    assert jobfile("show", NAME).code == 4
    assert jobfile("plan", "--out", "q.jfplan").code == 0
    refused(jobfile, CHANGED)
    assert jobfile("apply", "q.jfplan").code == 0


@pytest.mark.parametrize("trouble", ["open", "link", "folder", "pipe", "short"])
def test_a_key_that_may_be_known_to_others_seals_nothing(
    jobfile: Jobfile, saved: Path, tmp_path: Path, trouble: str
) -> None:
    key = tmp_path / ".jobfile" / KEY
    content = key.read_bytes()
    match trouble:
        case "open":
            key.chmod(0o640)
        case "short":
            key.write_bytes(content[:-1])
        case _:
            key.unlink()
    if trouble == "link":
        (tmp_path / "elsewhere").write_bytes(content)
        key.symlink_to(tmp_path / "elsewhere")
    elif trouble == "folder":
        key.mkdir()
    elif trouble == "pipe":
        os.mkfifo(key, 0o600)
    for words in (("apply", NAME), ("plan", "--out", "q.jfplan")):
        said = jobfile(*words)
        assert said.code == 1, said
        assert "engine.key" in said.err
        assert content.hex() not in said.out + said.err


def test_the_key_is_made_once_and_never_printed(jobfile: Jobfile, tmp_path: Path) -> None:
    assert jobfile("apply", "--yes").code == 0
    old = os.umask(0)
    try:
        first, again = make_key(tmp_path / ".jobfile"), make_key(tmp_path / ".jobfile")
    finally:
        os.umask(old)
    assert first == again
    assert [one.name for one in (tmp_path / ".jobfile").glob("engine.key*")] == [KEY]
    assert (tmp_path / ".jobfile" / KEY).stat().st_mode & 0o777 == 0o600


def test_a_plan_made_elsewhere_can_be_looked_at_and_not_applied(
    jobfile: Jobfile, saved: Path, tmp_path: Path
) -> None:
    said = jobfile("show", NAME, "--state", "nowhere")
    assert (said.code, "plan: 1 to change." in said.out) == (0, True)
    assert "changes since then cannot be detected" in said.err
    content = content_of(saved)
    content["plan"]["from"]["lineage"] = "0" * 32
    content["text"] = "harmless\x1b]0;x\x07\n"
    put(saved, content, bytes(KEY_BYTES))
    said = jobfile("show", NAME)
    assert (said.code, said.out) == (0, "harmless\\x1b]0;x\\x07\n")
    assert "changes since then cannot be detected" in said.err
    refused(jobfile, "was made for another ledger than the one here")


def test_a_file_that_is_no_plan_is_refused_in_words(jobfile: Jobfile, saved: Path, tmp_path: Path) -> None:
    start = saved.read_bytes()[: len('{"seal":"","') + 64]
    whole = saved.read_bytes()
    contents = [b"", b"\x00", b"7", b"[]", b"{}", b'{"kind":"jobfile plan"}', b"version: 1\n"]
    contents += [whole[:cut] for cut in (1, 20, 70, 75, 76, len(whole) // 2, len(whole) - 1)]
    contents += [start[:-1] + part for part in (b'"a":' + b"[" * 90_000, b'"a":1' + b"0" * 9_000 + b"}")]
    contents += [start[:-1] + b'"plan":' + part + b"}" for part in (b"1", b"[]", b'{"from":[]}')]
    for content in contents:
        saved.write_bytes(content)
        refused(jobfile, CHANGED)
    saved.write_bytes(start[:-1] + b'"a":[' + b"[]," * 4_000_001 + b"1]}")
    refused(jobfile, CHANGED)
    with saved.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    refused(jobfile, "is too large for a plan")
    saved.unlink()
    os.mkfifo(saved)
    refused(jobfile, "a saved plan must be a regular file")
    saved.unlink()
    saved.mkdir()
    refused(jobfile, "a saved plan must be a regular file")
    saved.rmdir()
    said = jobfile("apply", NAME)
    assert (said.code, "cannot read" in said.err) == (65, True)


@given(st.binary(max_size=99))
@example(b'{"seal":"' + b"0" * 64 + b'","plan":{"from":{"lineage":"x"}}}')
@settings(
    max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_bytes_in_a_plan_file_cause_a_bug(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(content)
    with pytest.raises(JobfileError):
        read_plan_file(path, here=None)
