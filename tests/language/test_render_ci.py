"""What GitHub, GitLab and readers of SARIF get of a finding."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.diagnostic import CODES, Diagnostic, Label
from jobfile.diagnostics.source import Source
from jobfile.pipeline import check_file
from jobfile.render.ci import render_github, render_gitlab, render_sarif, render_summary
from tests.known import known_files
from tests.language.test_render import NAME, anything, finding, unknown_step
from tests.soak import examples
from tests.together import together

DATA = Path(__file__).parents[1] / "data"
CASES = known_files("tests/language/cases/bad", "*.yaml")
SARIF = jsonschema.Draft202012Validator(json.loads((DATA / "sarif-schema-2.1.0.json").read_text()))
GITLAB = jsonschema.Draft7Validator(json.loads((DATA / "gitlab-codequality.schema.json").read_text()))


def sarif(*found, **options):
    """The one run of a log that is what the standard says."""
    log = json.loads(render_sarif(found, version="1.2.3", **options))
    SARIF.validate(log)
    return log["runs"][0]


def gitlab(*found, **options):
    report = json.loads(render_gitlab(found, **options))
    GITLAB.validate(report)
    return report


def test_github_gets_commands_with_its_escapes():
    source = Source("jobs,a:b.yaml", "a: 100%\n")
    one = finding(source, "JF001", "a 100% `x`: no", "100%", help=("first", "second"))
    assert render_github([one]) == (
        "::error file=jobs%2Ca%3Ab.yaml,line=1,col=4,endColumn=8,title=JF001"
        "::a 100%25 `x`: no%0Afirst%0Asecond\n"
    )


def test_github_gets_ten_of_a_level_errors_first_and_a_count_of_the_rest():
    _, error = unknown_step()
    warning = Diagnostic(code="JF607", message="m", file=NAME, span=error.span)
    lines = render_github([*[warning] * 12, *[error] * 22]).splitlines()
    assert [line.split()[0] for line in lines[:20]] == ["::error"] * 10 + ["::warning"] * 10
    assert lines[20:] == ["::notice::14 more, see the log"]


def test_github_gets_paths_as_it_knows_them():
    _, one = unknown_step()
    assert render_github([one], paths={NAME: "deploy/jobs.yaml"}).startswith("::error file=deploy/jobs.yaml,")


def test_githubs_runner_does_not_obey_commands_in_a_file():
    lines = render_github([], log="a: 1\n::add-mask::x\n\n").splitlines()
    token = lines[0].removeprefix("::stop-commands::")
    assert re.fullmatch("[0-9a-f]{64}", token)
    assert lines[1:] == ["a: 1", "::add-mask::x", f"::{token}::"]


def test_nothing_in_a_text_closes_the_fence_of_the_summary():
    assert render_summary("a\n```\nb\n````\n") == "`````text\na\n```\nb\n````\n`````\n"
    assert len(render_summary("é" * 2_000_000).encode()) < 1024 * 1024


def test_gitlab_gets_a_code_quality_report():
    _, one = unknown_step()
    assert gitlab(one, paths={NAME: "deploy/jobs.yaml"}) == [
        {
            "description": "no step `extrct` in job `a`",
            "check_name": "JF102",
            "fingerprint": sha256(b"JF102\0deploy/jobs.yaml\0no step `extrct` in job `a`").hexdigest(),
            "severity": "major",
            "location": {"path": "deploy/jobs.yaml", "lines": {"begin": 8}},
        }
    ]


def test_gitlabs_fingerprints_stay_when_lines_move_and_differ_for_repeats():
    source, one = unknown_step()
    moved = replace(one, span=source.span(0, 3))
    assert gitlab(one)[0]["fingerprint"] == gitlab(moved)[0]["fingerprint"]
    twice = gitlab(one, moved, replace(one, message="other"))
    assert len({each["fingerprint"] for each in twice}) == 3
    assert twice == gitlab(one, moved, replace(one, message="other"))


def test_sarif_shows_a_finding_with_its_place_its_rule_and_its_fix():
    source, one = unknown_step()
    label = Label(span=source.span(0, 7), text="the version")
    run = sarif(replace(one, related=(label,)))
    place = {"uri": "jobs.yaml", "uriBaseId": "%SRCROOT%"}
    region = {"startLine": 8, "startColumn": 17, "endLine": 8, "endColumn": 23}
    [result] = run["results"]
    assert re.fullmatch("[0-9a-f]{64}:1", result.pop("partialFingerprints")["jobfile/v1"])
    assert result == {
        "ruleIndex": 0,
        "ruleId": "JF102",
        "level": "error",
        "message": {"text": "no step `extrct` in job `a`\ndid you mean `extract`?"},
        "locations": [{"physicalLocation": {"artifactLocation": place, "region": region}}],
        "relatedLocations": [
            {
                "id": 1,
                "physicalLocation": {
                    "artifactLocation": place,
                    "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 8},
                },
                "message": {"text": "the version"},
            }
        ],
        "fixes": [
            {
                "description": {"text": "replace with `extract`"},
                "artifactChanges": [
                    {
                        "artifactLocation": place,
                        "replacements": [{"deletedRegion": region, "insertedContent": {"text": "extract"}}],
                    }
                ],
            }
        ],
    }
    assert run["columnKind"] == "unicodeCodePoints"
    assert run["tool"]["driver"]["version"] == "1.2.3"


def test_sarifs_rules_are_those_of_the_results():
    _, one = unknown_step()
    run = sarif(one, replace(one, code="JF607"), replace(one, code="JF619"), one)
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["JF102", "JF607", "JF619"]
    assert [rule["defaultConfiguration"]["level"] for rule in rules] == ["error", "warning", "note"]
    assert [rules[result["ruleIndex"]]["id"] for result in run["results"]] == [
        result["ruleId"] for result in run["results"]
    ]
    assert rules[1]["name"] == "TimeoutIsLongerThanTheTimeBetweenRuns"
    assert rules[1]["fullDescription"]["text"] == (
        "A timeout is longer than the time between runs. "
        "A run that takes this long blocks the next one, which is then skipped."
    )
    assert rules[1]["help"]["markdown"].startswith("# JF607 ")


def test_every_code_is_a_rule_with_a_name():
    _, one = unknown_step()
    rules = sarif(*(replace(one, code=code) for code in CODES))["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == sorted(CODES)
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]*", rule["name"]) for rule in rules)
    assert all("\n" not in rule["fullDescription"]["text"] for rule in rules)


def test_sarifs_fingerprints_stay_when_lines_and_files_move_and_count_repeats():
    source, one = unknown_step()

    def prints(*found):
        return [result["partialFingerprints"]["jobfile/v1"] for result in sarif(*found)["results"]]

    [known] = prints(one)
    moved = replace(one, span=source.span(0, 3), message="in other words")
    assert prints(moved) == [known]
    assert prints(replace(one, file="other.yaml"), one) == [known, known]
    assert prints(one, moved) == [known, known.replace(":1", ":2")]
    assert prints(replace(one, path=("jobs", "b"))) != [known]
    assert prints(replace(one, code="JF101")) != [known]


def test_sarif_says_what_is_suppressed_and_why():
    _, one = unknown_step()
    told, silent = sarif(replace(one, suppressed="the probe is meant to overlap"), one)["results"]
    assert told["suppressions"] == [{"kind": "inSource", "justification": "the probe is meant to overlap"}]
    assert "suppressions" not in silent


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("a b/jöbs#1%.yaml", {"uri": "a%20b/j%C3%B6bs%231%25.yaml", "uriBaseId": "%SRCROOT%"}),
        ("c:x.yaml", {"uri": "c%3Ax.yaml", "uriBaseId": "%SRCROOT%"}),
        ("\udcff.yaml", {"uri": "%FF.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/else where/jobs.yaml", {"uri": "file:///else%20where/jobs.yaml"}),
    ],
)
def test_sarifs_paths_are_uris(path, location):
    _, one = unknown_step()
    [result] = sarif(one, paths={NAME: path})["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_no_words_of_a_file_become_a_link():
    _, one = unknown_step()
    [result] = sarif(replace(one, message="unknown key `[here](https://x.test)`", help=()))["results"]
    assert "](" not in result["message"]["text"]


def test_a_log_without_findings_is_one_too():
    assert sarif()["results"] == []
    assert gitlab() == []
    assert render_github([]) == ""


@together("path", CASES)
def test_every_bad_file_fits_the_forms(path):
    found = check_file("jobs.yaml", path.read_bytes()).diagnostics
    assert len(sarif(*found)["results"]) == len(gitlab(*found)) == len(found)


@settings(deadline=None, max_examples=examples(20))
@given(
    found=st.lists(anything.filter(lambda one: one.file.isprintable() and one.file), max_size=3),
    log=st.text(max_size=60),
)
def test_no_finding_breaks_a_form_or_gives_a_command(found, log):
    lines = render_github(found, log=log).splitlines()
    commands = lines[: next((at for at, line in enumerate(lines) if "stop-commands" in line), len(lines))]
    assert all(re.match("::(error|warning|notice)( |::)", line) for line in commands)
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u202e\ud800-\udfff]", line) for line in commands)
    assert len(sarif(*found)["results"]) == len(found)
    found = [one for one in found if not one.file.startswith("./")]
    assert len(gitlab(*found)) == len(found)
