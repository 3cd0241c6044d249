"""`jobfile test`: cases that hold, cases that do not, and case files with mistakes."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest

from tests.cli.conftest import Jobfile

SCHEMA = Path(__file__).parents[2] / "schemas" / "test.schema.json"
FILE = """\
version: 1
channels:
  ops: {command: [mail, ops]}
jobs:
  nightly-report:
    schedule: "30 2 * * 1-5"
    timezone: America/New_York
    params: {customer: {type: string, default: all}}
    secrets: {TOKEN: "env:REPORT_TOKEN"}
    retry: {attempts: 3, delay: 5m, when: ["exit:75", timeout]}
    timeout: 1h
    notify: {failed: [ops], recovered: [ops], skipped: [ops]}
    command: [report, --for, "{{ params.customer }}", --day, "{{ run.scheduled_at | date('%Y-%m-%d') }}"]
  tidy:
    run: |
      rm -rf /srv/scratch
      echo done
  dump:
    retry: {attempts: 3, delay: 1m, when: [expectation]}
    expect: {min_duration: 30s}
    run: dump
  dump-in-steps:
    expect: {files: [{path: out}]}
    steps: {one: {run: x}, two: {run: x}}
  later:
    schedule: {cron: "0 4 * * *", spread: 30m}
    start_deadline: 2h
    command: [later]
  in-steps:
    steps: {one: {run: echo hi}}
  etl:
    params: {all: {type: boolean, default: false}}
    retry: {attempts: 2, delay: 1m}
    steps:
      extract: {outputs: {rows: {type: integer}}, run: x, retry: {attempts: 2, delay: 30s}}
      load: {for_each: "[1, 2]", run: "echo {{ item }} {{ steps.extract.outputs.rows }}"}
      never: {needs: [extract], if: params.all, run: x}
      small: {needs: [load], if: steps.extract.outputs.rows < 5, run: x}
  mirror:
    params: {depth: {type: integer, default: 3}}
    triggers:
      - {file: {path: /srv/in, match: "*.{csv,txt}", recursive: true}}
      - {webhook: {path: mirror, public: true}}
    concurrency: {limit: 1, key: "{{ trigger.name if run.trigger == 'file' else run.trigger }}"}
    if: trigger.size > 0 if run.trigger == 'file' else true
    command: [mirror, "{{ trigger.path if run.trigger == 'file' else 'all' }}", "{{ params.depth }}"]
  unpack:
    triggers: [{file: {path: in, match: "*.zip"}}]
    idempotency_key: "{{ trigger.name }}"
    command: [unzip, "{{ trigger.name }}", "{{ trigger.size }}"]
  count:
    params: {day: {type: string, default: mon}}
    outputs: {rows: {type: integer}}
    run: echo
  refresh:
    triggers: [{after: count}]
    if: trigger.outputs.rows > 0
    command: [refresh, "{{ trigger.outputs.rows }}", "{{ trigger.params.day }}", "{{ trigger.status }}"]
  alarm:
    triggers: [{after: {any: [count, tidy], when: failed}}]
    command: [alarm, "{{ trigger.job }}", "{{ trigger.error }}"]
  at-start:
    triggers: [{boot: true}]
    command: [prepare]
  retired:
    enabled: false
    triggers: [{boot: true}]
    command: [prepare]
  report:
    http: {url: "https://example.com/", contains: done}
    outputs: {rows: {type: integer, from: /data/rows}}
    retry: {attempts: 3, delay: 10s, max_delay: 5m, when: ["http:429", connect]}
  ask:
    retry: {attempts: 2, delay: 10s}
    steps:
      get: {http: {url: "https://example.com/"}, outputs: {rows: {type: integer}}}
      tell: {run: "echo {{ steps.get.outputs.rows }}", if: steps.get.outputs.rows > 2}
"""
HOLDS = {
    "a server that is busy is asked again": """\
    job: report
    given:
      attempts:
        - connect
        - {http: 429, headers: {retry-after: 120}, after: 3s}
        - {http: 200, body: 'done {"data": {"rows": 3}}'}
    expect: {state: failed, reason: outputs, attempts: 3, retried_after: [10s, 2m]}
""",
    "the longest wait limits what a server asks": """\
    job: report
    given: {attempts: [{http: 429, headers: {Retry-After: 3600}}]}
    expect: {state: retry_wait, retried_after: [5m]}
""",
    "a status that is not listed is final": """\
    job: report
    given: {attempts: [http 503]}
    expect: {state: failed, reason: http(503), attempts: 1}
""",
    "a response with its text and its outputs": """\
    job: report
    given: {attempts: [{http: 201, body: '{"state": "done", "data": {"rows": 3}}'}]}
    expect: {state: succeeded}
""",
    "a response without its text": """\
    job: report
    given: {attempts: [{http: 200, body: '{"data": {"rows": 3}}'}]}
    expect: {state: failed, reason: contains}
""",
    "an output of another type": """\
    job: report
    given: {attempts: [{http: 200, body: '{"state": "done", "data": {"rows": "many"}}'}]}
    expect: {state: failed, reason: outputs}
""",
    "the output of a step comes from its response": """\
    job: ask
    given: {steps: {get: [http 502, {http: 200, body: '{"rows": 2}'}]}}
    expect: {state: succeeded, attempts: 2, steps: {get: succeeded, tell: skipped}}
""",
    "all steps succeed": """\
    job: etl
    given: {outputs: {extract: {rows: 3}}}
    expect:
      state: succeeded
      attempts: 1
      steps: {extract: succeeded, load: succeeded, never: skipped, small: succeeded}
""",
    "an output decides which step runs": """\
    job: etl
    given: {outputs: {extract: {rows: 7}}}
    expect: {steps: {small: skipped}}
""",
    "a step is retried and then an item fails twice": """\
    job: etl
    given:
      outputs: {extract: {rows: 3}}
      steps: {extract: [exit 3], "load[2]": [exit 4, lost]}
    expect: {state: lost, attempts: 2, steps: {extract: succeeded, load: lost, small: skipped}}
""",
    "a missing output fails the step": """\
    job: etl
    expect: {state: failed, reason: outputs, steps: {extract: failed, load: skipped}}
""",
    "the day and the secret are given": """\
    job: nightly-report
    given: {at: 2026-03-06T02:30, env: {REGION: eu}}
    expect:
      command: [report, --for, all, --day, '2026-03-06']
      env: {JOBFILE_TRIGGER: schedule, TOKEN: 'secret:TOKEN', REGION: ''}
      state: succeeded
      attempts: 1
""",
    "a time that does not exist": """\
    job: nightly-report
    expect:
      fires: {from: 2026-03-02, until: 2026-03-15, count: 10, at: [
        2026-03-02T02:30, 2026-03-03T02:30, 2026-03-04T02:30, 2026-03-05T02:30, 2026-03-06T02:30,
        2026-03-09T02:30, 2026-03-10T02:30, 2026-03-11T02:30, 2026-03-12T02:30, 2026-03-13T02:30]}
""",
    "a busy server is asked again": """\
    job: nightly-report
    given:
      params: {customer: acme}
      attempts: [exit 75, {exit: 75, after: 90s}, succeeds]
      previous: failed
    expect: {state: succeeded, attempts: 3, retried_after: [5m, 10m], notify: {recovered: [ops]}}
""",
    "another exit is final": """\
    job: nightly-report
    given: {attempts: [exit 2]}
    expect: {state: failed, reason: exit(2), attempts: 1, retried_after: [], notify: {failed: [ops]}}
""",
    "it waits between tries": """\
    job: nightly-report
    given: {attempts: [times out]}
    expect: {state: retry_wait, attempts: 1, retried_after: [5m], notify: {}}
""",
    "longer than its timeout": """\
    job: nightly-report
    given: {attempts: [{after: 61m}, {after: 59m}]}
    expect: {state: succeeded, attempts: 2}
""",
    "nobody knows how it ended": """\
    job: nightly-report
    given: {attempts: [lost]}
    expect: {state: lost, notify: {failed: [ops]}}
""",
    "it exits with 0 and leaves nothing": """\
    job: dump
    given: {attempts: [expectation, expectation, succeeds]}
    expect: {state: succeeded, attempts: 3, retried_after: [1m, 2m]}
""",
    "it never leaves anything": """\
    job: dump
    given: {attempts: [expectation, expectation, expectation]}
    expect: {state: failed, reason: expectation, attempts: 3}
""",
    "steps leave nothing": """\
    job: dump-in-steps
    given: {steps: {two: [expectation]}}
    expect: {state: failed, reason: expectation, steps: {one: succeeded, two: succeeded}}
""",
    "killed": """\
    job: tidy
    given: {attempts: [signal 9]}
    expect: {state: failed, reason: signal(9)}
""",
    "a run in the way": """\
    job: nightly-report
    given: {at: 2026-03-06T02:30, running: true}
    expect: {state: skipped, reason: overlap, notify: {skipped: [ops]}}
""",
    "by hand it waits": """\
    job: nightly-report
    given: {running: true, trigger: manual}
    expect: {state: queued}
""",
    "the script": """\
    job: tidy
    expect:
      script: |
        rm -rf /srv/scratch
        echo done
      state: succeeded
""",
    "a file starts it": """\
    job: mirror
    given: {trigger: {file: {name: sub/a.csv}}}
    expect: {state: succeeded, command: [mirror, /srv/in/sub/a.csv, '3'], env: {JOBFILE_TRIGGER: file}}
""",
    "its size decides": """\
    job: mirror
    given: {trigger: {file: {path: /srv/in/1.txt, size: 0}}}
    expect: {state: skipped, reason: condition}
""",
    "a second file of the same name waits": """\
    job: mirror
    given: {trigger: {file: {name: 2026}}, running: true}
    expect: {state: queued}
""".replace("2026", "2026.txt"),
    "a call gives params": """\
    job: mirror
    given: {trigger: {webhook: {depth: 5}}}
    expect: {state: succeeded, command: [mirror, all, '5']}
""",
    "a key makes the second file a duplicate": """\
    job: unpack
    given: {trigger: {file: {name: b.zip}}, running: true}
    expect: {state: skipped, reason: duplicate}
""",
    "the folder may be relative": """\
    job: unpack
    given: {trigger: {file: {path: in/b.zip, size: 7}}}
    expect: {command: [unzip, b.zip, '7']}
""",
    "it follows another job": """\
    job: refresh
    given: {trigger: {after: {outputs: {rows: 3}}}}
    expect: {state: succeeded, command: [refresh, '3', mon, succeeded], env: {JOBFILE_TRIGGER: after}}
""",
    "an output of the other job decides": """\
    job: refresh
    given: {trigger: {after: {job: count, outputs: {rows: 0}, params: {day: tue}}}}
    expect: {state: skipped, reason: condition}
""",
    "an output that the other job did not give": """\
    job: refresh
    given: {trigger: {after: {}}}
    expect: {state: failed, reason: template_error}
""",
    "it follows a failure": """\
    job: alarm
    given: {trigger: {after: {job: tidy}}}
    expect: {command: [alarm, tidy, exit code 1]}
""",
    "it follows a failure of a kind": """\
    job: alarm
    given: {trigger: {after: {job: count, status: timed_out, error: too long}}}
    expect: {command: [alarm, count, too long]}
""",
    "the host starts": """\
    job: at-start
    given: {trigger: boot}
    expect: {state: succeeded, env: {JOBFILE_TRIGGER: boot}}
""",
    "a spread is waited for": """\
    job: later
    given: {at: 2026-03-06T04:00}
    expect: {state: succeeded, command: [later]}
""",
}


def written(cases: dict[str, str]) -> str:
    return "version: 1\ntests:\n" + "".join(f"  {name}:\n{text}" for name, text in cases.items())


@pytest.fixture(autouse=True)
def job_file(jobfile: Jobfile, tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(FILE)


def put(tmp_path: Path, text: str, name: str = "jobs.test.yaml") -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)


def test_cases_that_hold(jobfile: Jobfile, tmp_path: Path) -> None:
    put(tmp_path, written(HOLDS))
    found = jobfile("test", "--json")
    jsonschema.validate(found.json, json.loads(SCHEMA.read_text()))
    assert [one for one in found.json["cases"] if one["result"] != "passed"] == []
    assert (found.code, found.json["passed"]) == (0, len(HOLDS))


FAILS = {
    ("state: failed", "state"): ["expected  failed", "found     succeeded"],
    ("attempts: 2", "attempts"): ["expected  2", "found     1"],
    ("reason: exit(1)", "reason"): ["expected  exit(1)", "found     ''"],
    ("command: [report]", "command"): [
        "expected  [report]",
        "found     [report, --for, all, --day, 2026-01-15]",
    ],
    ("env: {TZ: UTC}", "env"): ["expected  {TZ: UTC}", "found     {TZ: America/New_York}"],
    ("retried_after: [5m]", "retried_after"): ["expected  [5m]", "found     []"],
    ("notify: {failed: [ops]}", "notify"): ["expected  {failed: [ops]}", "found     {}"],
    ("fires: {from: 2026-03-02, until: 2026-03-03, count: 3}", "fires"): [
        "expected  3 fires",
        "found     2: 2026-03-02T02:30-0500, 2026-03-03T02:30-0500",
    ],
    ("fires: {from: 2026-03-02, until: 2026-03-02, includes: [2026-03-02T03:30]}", "fires"): [
        "expected  a fire at 2026-03-02T03:30",
        "found     2026-03-02T02:30-0500",
    ],
    ("fires: {from: 2026-03-02, until: 2026-03-02, excludes: [2026-03-02T02:30]}", "fires"): [
        "expected  no fire at 2026-03-02T02:30",
        "found     one",
    ],
    ("fires: {from: 2026-03-02, until: 2026-03-02, at: [2026-03-02T04:30]}", "fires"): [
        "--- expected",
        "+++ found",
        "@@ -1 +1 @@",
        "-2026-03-02T04:30-0500",
        "+2026-03-02T02:30-0500",
    ],
}


@pytest.mark.parametrize("written_and_key", FAILS, ids=lambda one: one[0])
def test_an_expectation_that_does_not_hold_is_shown_with_its_place(
    jobfile: Jobfile, tmp_path: Path, written_and_key: tuple[str, str]
) -> None:
    text, key = written_and_key
    put(tmp_path, written({"it": f"    job: nightly-report\n    expect:\n      {text}\n"}))
    said = jobfile("test")
    assert said.code == 1
    place = f"jobs.test.yaml:6:{len(text.partition(': ')[0]) + 9}: {key}"
    assert said.out.splitlines()[:3] == ["jobs.test.yaml", "  FAIL   it", f"         {place}"]
    lines = [line.removeprefix("           ") for line in said.out.splitlines()[3:]]
    assert lines[: len(FAILS[written_and_key])] == FAILS[written_and_key]
    assert said.out.splitlines()[-1].startswith("0 passed, 1 failed in ")


CANNOT = {
    "    job: nightly-repot\n    expect: {state: failed}\n": "did you mean nightly-report?",
    "    job: in-steps\n    given: {attempts: [exit 1]}\n    expect: {state: failed}\n": (
        "write `given.steps` instead of `given.attempts`"
    ),
    "    job: in-steps\n    given: {steps: {oen: [exit 1]}}\n    expect: {state: failed}\n": (
        "`in-steps` has no step `oen`; did you mean one?"
    ),
    "    job: in-steps\n    expect: {steps: {two: failed}}\n": "has no step `two`; its steps: one",
    "    job: nightly-report\n    given: {at: someday}\n    expect: {state: failed}\n": "`someday` is no",
    "    job: nightly-report\n    given: {at: 2026-03-07T02:30, trigger: schedule}\n"
    "    expect: {state: failed}\n": "`nightly-report` has no scheduled run at 2026-03-07T02:30",
    "    job: nightly-report\n    given: {params: {x: 1}}\n    expect: {state: failed}\n": (
        "param `x`: no such param; known params: customer"
    ),
    "    job: nightly-report\n    given: {attempts: [succeeds, succeeds]}\n    expect: {attempts: 1}\n": (
        "never starts: the run is succeeded after 1"
    ),
    **{
        f"    job: {job}\n    given: {{{given}}}\n    expect: {{state: failed}}\n": words
        for job, given, words in (
            ("tidy", "trigger: {file: {name: a}}", "`tidy` has no `file` trigger, so no file starts it"),
            ("tidy", "trigger: {after: {}}", "`tidy` has no `after` trigger"),
            ("tidy", "trigger: {webhook: {}}", "no `webhook` trigger, so no call starts it"),
            ("tidy", "trigger: boot", "`tidy` has no `boot` trigger, so no start of the host starts it"),
            ("retired", "trigger: boot", "`retired` is disabled"),
            ("mirror", "trigger: {file: {}}", "a file needs a `name`"),
            ("mirror", "trigger: {file: {name: a, path: /srv/in/a.csv}}", "a file needs a `name`"),
            ("mirror", "trigger: {file: {name: a.zip}}", "it waits for *.{csv,txt} in /srv/in"),
            ("mirror", "trigger: {file: {name: ../a.csv}}", "does not start for the file ../a.csv"),
            ("unpack", "trigger: {file: {name: sub/a.zip}}", "does not start for the file sub/a.zip"),
            ("mirror", "trigger: {webhook: {dept: 1}}", "param `dept`: no such param; did you mean `depth`?"),
            ("mirror", "trigger: {webhook: {depth: deep}}", "param `depth`: expected an integer"),
            ("refresh", "trigger: {after: {job: cuont}}", "does not follow `cuont`; did you mean count?"),
            ("refresh", "trigger: {after: {status: failed}}", "follows `count` only `when: succeeded`"),
            ("refresh", "trigger: {after: {outputs: {row: 1}}}", "no output `row`; did you mean rows?"),
            ("refresh", "trigger: {after: {outputs: {rows: many}}}", "output `rows` of `count`: expected an"),
            ("refresh", "trigger: {after: {params: {day: 1}}}", "param `day` of `count`: expected a string"),
            ("alarm", "trigger: {after: {}}", "follows several jobs: say which, `job:` one of count, tidy"),
            ("unpack", "running: true", "no run is made: the idempotency key of job `unpack` cannot be"),
        )
    },
    "    job: tidy\n    given: {attempts: [http 503]}\n    expect: {state: failed}\n": (
        "`tidy` sends no request, so an attempt of it cannot end with `http`"
    ),
    "    job: in-steps\n    given: {steps: {one: [connect]}}\n    expect: {state: failed}\n": (
        "step `one` sends no request, so an attempt of it cannot end with `connect`"
    ),
    "    job: tidy\n    given: {attempts: [expectation]}\n    expect: {state: failed}\n": (
        "`tidy` has none of `files`, `log`, `stdout`, `stderr`, `outputs` and `min_duration` in `expect`"
    ),
    "    job: tidy\n    expect: {fires: {from: 2026-01-01, until: 9000-01-01, count: 0}}\n": "",
}


@pytest.mark.parametrize(("text", "words"), [one for one in CANNOT.items() if one[1]])
def test_a_case_that_cannot_be_tried_is_an_error_and_not_passed(
    jobfile: Jobfile, tmp_path: Path, text: str, words: str
) -> None:
    put(tmp_path, written({"it": text}))
    said = jobfile("test")
    assert said.code == 1
    assert "  ERROR  it" in said.out
    assert words in said.out
    assert "0 passed, 0 failed, 1 could not be tested" in said.out


MISTAKES = [
    ("tests: {a: {jop: x, expect: {state: failed}}}", "JF101", "did you mean `job`?"),
    ("tests: {a: {job: x}}", "JF102", "case `a` has no `expect`"),
    ("tests: {a: {job: x, expect: {}}}", "JF102", "a case needs `expect`, or it cannot fail"),
    ("tests: {a: {expect: {state: failed}}}", "JF102", "case `a` has no `job`"),
    ("tests: {a: {job: x, expect: {state: fialed}}}", "JF104", "did you mean `failed`?"),
    ("tests: {a: {job: x, expect: {retried_after: [soon]}}}", "JF110", "`soon` is not a duration"),
    (
        "tests: {a: {job: x, given: {steps: {load: [{after: soon}]}}, expect: {state: failed}}}",
        "JF110",
        "`soon` is not a duration",
    ),
    (
        "tests: {a: {job: x, expect: {attempts: many}}}",
        "JF103",
        "expected an integer for `attempts`, found text",
    ),
    *(
        (f"tests: {{a: {{job: x, given: {{{given}}}, expect: {{state: failed}}}}}}", code, words)
        for given, code, words in (
            ("trigger: fiel", "JF104", "`fiel` is not something that starts a run"),
            ("trigger: {fiel: {}}", "JF101", "did you mean `file`?"),
            ("trigger: {}", "JF102", "`trigger` needs one of file, after, webhook"),
            ("trigger: {file: a.csv}", "JF103", "write `file: {name: a.csv}`"),
            ("trigger: {file: {nmae: a.csv}}", "JF101", "did you mean `name`?"),
            ("trigger: {file: {name: a, size: -1}}", "JF106", "size"),
            ("trigger: {after: {status: fialed}}", "JF104", "did you mean `failed`?"),
            ("trigger: {after: {outputs: [a]}}", "JF103", "expected a map for `outputs`"),
            ("trigger: {file: {name: a}, after: {}}", "JF109", "one event starts a run: `file` or `after`"),
            ("trigger: {file: {name: a}}, params: {b: 1}", "JF109", "a run that `file` starts is given no"),
            ("trigger: {webhook: {}}, params: {b: 1}", "JF109", "write them under `webhook`"),
            ("trigger: boot, params: {b: 1}", "JF109", "such a run has the defaults of its job"),
        )
    ),
    ("tests: {a: {job: x, expect: {command: report}}}", "JF103", "expected a list for `command`, found text"),
    ("tests: {a: {job: x, expect: {fires: {from: 2026-03-01}}}}", "JF102", "`fires` needs one of count"),
    ("tests: {a: {job: x, expect: {fires: {from: 2026-03-01, count: 1}}}}", "JF102", "has no `until`"),
    ("tests: {a: {job: x, expect: {fires: {from: today, until: 2026-03-01, count: 1}}}}", "JF103", "`today`"),
    (
        "tests: {a: {job: x, expect: {fires: {from: 2026-03-02, until: 2026-03-01, count: 1}}}}",
        "JF106",
        "`until` is before `from`",
    ),
    (
        "tests: {a: {job: x, given: {attempts: [boom]}, expect: {state: failed}}}",
        "JF104",
        "`boom` is not something",
    ),
    (
        "tests: {a: {job: x, given: {trigger: schedule, params: {a: 1}}, expect: {state: failed}}}",
        "JF109",
        "remove `params`, or write `trigger: manual`",
    ),
    (
        "tests: {a: {job: x, given: {attempts: [{exit: 1, http: 200}]}, expect: {state: failed}}}",
        "JF109",
        "an attempt ends in one way; here are `exit` and `http`",
    ),
    (
        "tests: {a: {job: x, given: {steps: {s: [{body: x}]}}, expect: {state: failed}}}",
        "JF102",
        "`body` needs `http`, the status of the response",
    ),
    (
        "tests: {a: {job: x, given: {attempts: [{http: 20}]}, expect: {state: failed}}}",
        "JF106",
        "20",
    ),
    ("tests: [a]", "JF103", "expected a map for `tests`, found a list"),
    ("jobs: jobs.yaml", "JF102", "the file has no `tests`"),
    ("tests: {a: {job: x, job: y}}", "JF006", ""),
    ("tests: {a: !x {}}", "JF011", ""),
]


@pytest.mark.parametrize(("text", "code", "words"), MISTAKES, ids=lambda one: one[:40])
def test_a_mistake_in_a_case_file_is_shown_with_its_place(
    jobfile: Jobfile, tmp_path: Path, text: str, code: str, words: str
) -> None:
    put(tmp_path, f"version: 1\n{text}\n")
    said = jobfile("test")
    assert said.code == 1
    told = said.out + said.err
    assert f"error[{code}]" in told
    assert f"--> jobs.test.yaml:{1 if text.startswith('jobs') else 2}:" in told
    assert words in told


def test_all_mistakes_of_all_cases_are_shown_in_one_pass(jobfile: Jobfile, tmp_path: Path) -> None:
    cases = {
        "one": "    job: x\n    expect: {state: fialed, retried_after: [soon], fires: {from: today}}\n",
        "two": "    job: [x]\n    expect: {}\n",
        "three": "    job: x\n    given: {attempts: [{after: soon}]}\n    expect: {}\n",
    }
    put(tmp_path, written(cases))
    said = jobfile("test")
    places = re.findall(r"^error\[(JF\d+)\].*\n +--> jobs\.test\.yaml:(\d+):", said.out, re.MULTILINE)
    assert places == [
        *[("JF104", "5"), ("JF110", "5"), ("JF102", "5"), ("JF102", "5"), ("JF103", "5")],
        *[("JF103", "7"), ("JF110", "11"), ("JF102", "12")],
    ]


def test_junit_says_the_same_to_ci_whatever_the_names_hold(jobfile: Jobfile, tmp_path: Path) -> None:
    bad = {"'a <b> & ]]> c'": "    job: tidy\n    expect: {state: failed}\n"}
    put(tmp_path, written({**HOLDS, **bad, "no job": "    job: x\n    expect: {state: failed}\n"}))
    assert jobfile("test", "--junit", "out.xml").code == 1
    (suite,) = ElementTree.fromstring((tmp_path / "out.xml").read_text())
    counts = (suite.get("tests"), suite.get("failures"), suite.get("errors"))
    assert counts == (str(len(HOLDS) + 2), "1", "1")
    cases = {case.get("name"): case for case in suite}
    failure = cases["a <b> & ]]> c"].find("failure")
    assert failure is not None
    assert "found     succeeded" in (failure.text or "")
    assert cases["no job"].find("error") is not None
    assert cases["killed"].get("classname") == "tidy"


def test_cases_are_found_beside_the_jobs_and_in_a_folder_of_tests(jobfile: Jobfile, tmp_path: Path) -> None:
    one = {"it": "    job: tidy\n    expect: {state: succeeded}\n"}
    put(tmp_path, written(one))
    put(tmp_path, written(one), "tests/other.test.yaml")
    assert jobfile("test").out.count("  ok     it") == 2
    assert jobfile("test", "tests").out.count("  ok     it") == 1
    assert jobfile("test", "-k", "nothing").out.count("  ok     it") == 0
    assert jobfile("test", "missing.test.yaml").code != 0


def test_without_cases_it_says_where_they_are_looked_for(jobfile: Jobfile) -> None:
    said = jobfile("test")
    assert said.code != 0
    assert "there is no *.test.yaml beside" in said.err


def test_nothing_is_left_behind_and_no_secret_is_read(
    jobfile: Jobfile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPORT_TOKEN", "very-secret-value")
    put(tmp_path, written({"it": "    job: nightly-report\n    expect: {env: {TOKEN: x}}\n"}))
    before = sorted(path.name for path in tmp_path.iterdir())
    said = jobfile("test")
    assert "very-secret-value" not in said.out + said.err
    assert "found     {TOKEN: secret:TOKEN}" in said.out
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_no_secret_of_a_step_is_read_and_none_of_a_webhook_is_needed(
    jobfile: Jobfile, tmp_path: Path
) -> None:
    (tmp_path / "jobs.yaml").write_text("""\
version: 1
jobs:
  a:
    secrets: {HOOK: env:HOOK_OF_NOBODY, API: env:API_OF_NOBODY}
    triggers: [{webhook: {path: a, secret: HOOK}}]
    steps:
      one: {run: "true", secrets: {OWN: env:OWN_OF_NOBODY}}
""")
    put(tmp_path, written({"it": "    job: a\n    expect: {state: succeeded}\n"}))
    said = jobfile("test")
    assert (said.code, "  ok     it" in said.out) == (0, True), said.out


def test_a_step_in_another_state_is_shown(jobfile: Jobfile, tmp_path: Path) -> None:
    case = """\
    job: etl
    given: {outputs: {extract: {rows: 3}}, steps: {load: ["times out", "times out"]}}
    expect: {state: timed_out, steps: {load: failed, extract: succeeded}}
"""
    put(tmp_path, written({"it": case}))
    said = jobfile("test")
    assert said.code == 1
    assert "expected  {load: failed, extract: succeeded}" in said.out
    assert "found     {load: timed_out, extract: succeeded}" in said.out
