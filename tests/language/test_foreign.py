"""Files of other tools: each is named in one message, with its first job as a job file, and never changed.

foreign/FORMAT/NAME is a file of that format; NAME.out is what is said of it, rewritten by `pytest --update`.
"""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sources.shell_syntax import SyntaxChecker
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source
from jobfile.fixing.fix_loop import fix_file
from jobfile.fixing.format import format_source
from jobfile.foreign.foreign_text import ForeignText
from jobfile.foreign.recogniser import recognise
from jobfile.foreign.registry import FORMATS
from jobfile.pipeline import Looked, check_files
from jobfile.render.text import render_text
from tests.known import known_files
from tests.language.schema_generator import Generator, dumped
from tests.language.test_cases import same_or_updated
from tests.together import together

FOLDER = Path(__file__).parent / "foreign"
FILES = [path for path in known_files(FOLDER, "*") if path.suffix != ".out"]
SHELLS = SyntaxChecker()
EXAMPLE = "its first job, as a job file:\n"
NOT_TRANSLATED = {
    "argo/steps.yaml",
    "airflow/taskflow.py",
    "crontab/header-only.txt",
    "dagu/calls.yaml",
    "github/only-actions.yml",
    "github/reusable.yml",
    "github/tab-mistake.yml",
    "kestra/plugins.yml",
    "kubernetes/deployment.yaml",
    "kubernetes/helm-template.yaml",
    "systemd/app.socket",
}
"""Files without a job, or whose first job has no form here."""
JOB_FILES = [
    *known_files("samples", "*.yaml"),
    *known_files("tests/language/examples", "*.yaml"),
    *known_files("tests/language/cases", "*.yaml"),
    *known_files("tests/language/fmt", "*.yaml"),
]


def named(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def looked(path: Path, content: bytes | None = None) -> Looked:
    data = path.read_bytes() if content is None else content
    return check_files([(path.name, data)], ask_shells=SHELLS.check)


def example_in(found: Diagnostic) -> str:
    return next((text.removeprefix(EXAMPLE) for text in found.help if text.startswith(EXAMPLE)), "")


def format_of(text: str, name: str = "jobs.yaml") -> str:
    found = recognise(ForeignText(Source(name, text)))
    return "" if found is None else found[0].name


def test_there_are_files_of_every_format() -> None:
    formats = {path.parent.name for path in FILES}
    assert formats == {"argo", *(form.name for form in FORMATS)}
    assert len(FILES) >= 60


@together("path", FILES)
def test_a_file_of_another_tool_is_named_in_one_message(path: Path, request: pytest.FixtureRequest) -> None:
    found = looked(path)
    assert [one.code for one in found.diagnostics] == ["JF024"]
    source = Source(path.name, path.read_bytes().decode().removeprefix("\ufeff"))
    expected = "kubernetes" if path.parent.name == "argo" else path.parent.name
    assert format_of(source.text, path.name) == expected
    text = render_text(found.diagnostics, sources=found.sources, width=100)
    same_or_updated(path.with_name(f"{path.name}.out"), text, request)


@together("path", FILES)
def test_its_first_job_as_a_job_file_has_no_error(path: Path) -> None:
    (found,) = looked(path).diagnostics
    text = example_in(found)
    assert bool(text) != (named(path) in NOT_TRANSLATED)
    if text:
        again = check_files([("jobs.yaml", text.encode())], ask_shells=SHELLS.check)
        assert [one.code for one in again.diagnostics if one.is_error] == []
        assert len(text.splitlines()) < 32


@together("path", FILES)
@together("unsafe", [False, True])
def test_no_fix_changes_it(path: Path, *, unsafe: bool) -> None:
    content = path.read_bytes()
    assert fix_file(path.name, content, unsafe=unsafe).content == content
    source = Source(path.name, content.decode().removeprefix("\ufeff"))
    done = format_source(source)
    assert done.text == source.text
    assert [one.code for one in done.diagnostics] == ["JF024"]


@together("path", FILES)
def test_line_ends_and_a_byte_order_mark_and_comments_above_change_nothing(path: Path) -> None:
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    (found,) = looked(path, content).diagnostics
    above = b"" if path.suffix == ".json" else b"# of the team\n\n"
    for copy in (content.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + content, above + content + b"\n\n"):
        (again,) = looked(path, copy).diagnostics
        assert (again.message, again.help) == (found.message, found.help)


@together("path", JOB_FILES)
def test_no_job_file_is_taken_for_another_tools(path: Path) -> None:
    text = path.read_bytes().decode(errors="replace").removeprefix("\ufeff")
    assert bool(format_of(text, path.name)) == path.name.startswith("jf024")


@given(st.integers(0, 1_000_000))
def test_no_job_file_made_from_the_schema_is_taken_for_another_tools(seed: int) -> None:
    generator = Generator(seed)
    for name, content in generator.files():
        assert not format_of(content.decode(), name)
        tree = json.loads(content)
        if isinstance(tree, dict) and generator.wrong == 0:
            tree.pop("version", None)
            assert not format_of(dumped(tree).decode(), name), (
                "without its version it is still no other tool's"
            )


def trees() -> list[Any]:
    """The first YAML documents of the foreign files."""
    texts = (path.read_bytes().decode().removeprefix("\ufeff") for path in FILES)
    read = (ForeignText(Source("x.yaml", text)).documents for text in texts)
    return [documents[0] for documents in read if documents and isinstance(documents[0], (dict, list))]


TREES = trees()


def changed(tree: Any, chance: random.Random) -> Any:
    """A tree with some of its values replaced by values of other types, or left out."""
    if chance.random() < 0.06:
        return chance.choice(
            [None, True, 7, -1, 1e300, "", "x", "{{ x }}", "\x00", "${{ a }}", [], {}, [[]], {"a": [1]}]
        )
    if isinstance(tree, dict):
        return {key: changed(one, chance) for key, one in tree.items() if chance.random() > 0.03}
    if isinstance(tree, list):
        return [changed(one, chance) for one in tree for _ in range(chance.choice([1, 1, 1, 2]))]
    return tree


@given(st.sampled_from(TREES), st.randoms(use_true_random=False))
def test_a_file_with_values_of_the_wrong_types_is_reported_without_a_bug(
    tree: Any, chance: random.Random
) -> None:
    content = json.dumps(changed(tree, chance), indent=1).encode()
    for one in check_files([("x.yaml", content)]).diagnostics:
        text = example_in(one)
        assert not text or check_files([("jobs.yaml", text.encode())]).is_valid


@given(st.sampled_from(FILES), st.randoms(use_true_random=False))
def test_a_file_with_lines_moved_and_characters_put_in_is_reported_without_a_bug(
    path: Path, chance: random.Random
) -> None:
    lines = path.read_bytes().decode().splitlines(keepends=True)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(lines))
        line = lines[at]
        place = chance.randrange(len(line) + 1)
        sign = chance.choice(
            ["", "\t", "'", '"', "{", "[", "%", "\\", "=", " ", "\u2028", ":", "*", "{{", "\x07", "é"]
        )
        lines[at] = chance.choice(
            ["", line * 2, line[:place] + sign + line[place:], line[:place], line.lstrip()]
        )
    content = "".join(lines).encode()
    assert len(looked(path, content).diagnostics) < 60
    if looked(path, content).diagnostics[:1] and looked(path, content).diagnostics[0].code == "JF024":
        assert fix_file(path.name, content, unsafe=True).content == content


# --- merge conflicts


CONFLICT = "<<<<<<< HEAD\n    timeout: 5m\n=======\n    timeout: 9m\n>>>>>>> other\n"
JOB = "version: 1\njobs:\n  a:\n"


@pytest.mark.parametrize(
    "text",
    [
        JOB + CONFLICT + "    run: x\n",
        "<<<<<<< ours\nversion: 1\n=======\nversion: 2\n>>>>>>> theirs\njobs: {}\n",
        JOB + "    run: |\n      echo a\n" + CONFLICT.replace("    timeout: ", "      echo "),
        (JOB + CONFLICT + "    run: x\n").replace("\n", "\r\n"),
        JOB + CONFLICT.replace("=======", "||||||| base\n    timeout: 7m\n=======") + "    run: x\n",
    ],
)
def test_a_merge_conflict_is_named_and_nothing_else_is_said(text: str) -> None:
    (found,) = check_files([("jobs.yaml", text.encode())]).diagnostics
    assert found.code == "JF025"
    assert [label.text for label in found.related] == ["the other side begins here", "the conflict ends here"]
    assert fix_file("jobs.yaml", text.encode(), unsafe=True).content == text.encode()


def test_several_conflicts_are_counted() -> None:
    text = JOB + CONFLICT + "    run: x\n  b:\n" + CONFLICT + "    run: y\n"
    (found,) = check_files([("jobs.yaml", text.encode())]).diagnostics
    assert found.notes == ("the file has 1 more conflict",)


def test_a_conflict_in_a_foreign_file_is_a_conflict() -> None:
    text = "apiVersion: v1\nkind: Pod\n<<<<<<< a\nx: 1\n=======\nx: 2\n>>>>>>> b\n"
    assert [one.code for one in check_files([("x.yaml", text.encode())]).diagnostics] == ["JF025"]


def test_marks_inside_a_script_are_its_own() -> None:
    text = JOB + "    run: |\n      cat <<'E'\n      <<<<<<< a\n      =======\n      >>>>>>> b\n      E\n"
    assert check_files([("jobs.yaml", text.encode())]).is_valid


# --- what is changed, and what not


@pytest.mark.parametrize(
    "text",
    [
        "verison: 1\njob: {a: {scirpt: x}}\n",
        "name: x\non: push\n",
        "timeout:5m\n",
        "a: 'b\n",
        "- run: x\n",
        "x:\n\ty: 1\n",
    ],
)
def test_a_file_without_a_key_of_job_files_at_its_top_is_not_changed(text: str) -> None:
    assert fix_file("a.yaml", text.encode(), unsafe=True).content == text.encode()


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("version:1\njobs: {}\n", "version: 1\njobs: {}\n"),
        (
            "  version: 1\n  jobs: {a: {run: x, timeout: 5 m}}\n",
            "  version: 1\n  jobs: {a: {run: x, timeout: 5m}}\n",
        ),
        ("{version: 1, jobs: {a: {scirpt: x}}}\n", "{version: 1, jobs: {a: {script: x}}}\n"),
        ("jobs: {a: {cron: '@daily', run: x}}\n", "version: 1\njobs: {a: {schedule: '@daily', run: x}}\n"),
        ('"jobs":\n  a: {run: {{ run.id }}}\n', 'version: 1\n"jobs":\n  a: {run: "{{ run.id }}"}\n'),
    ],
)
def test_a_job_file_is_still_fixed(text: str, after: str) -> None:
    done = fix_file("a.yaml", text.encode()).content.decode()
    assert done == after or done.startswith("{version: 1, jobs: {a: {")


def test_what_another_tools_file_includes_is_not_looked_at() -> None:
    main = b"include: [a.yaml]\njobs:\n  - {name: x, command: y, schedule: '@daily'}\n"
    found = check_files([("yacron.yaml", main), ("a.yaml", b"defaults: {shell: /bin/bash}\n")])
    assert [(one.file, one.code) for one in found.diagnostics] == [("yacron.yaml", "JF024")]


def test_another_tools_file_among_the_included_ones_is_named_there() -> None:
    main = b"version: 1\ninclude: [jobs/*.yaml]\njobs: {a: {run: x, triggers: [{after: b}]}}\n"
    pod = b"apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n"
    found = check_files([("jobs.yaml", main), ("jobs/pod.yaml", pod)])
    assert [(one.file, one.code) for one in found.diagnostics if one.is_error] == [("jobs/pod.yaml", "JF024")]
