"""`show`: every key of a job in force, with the place of each; the same job as a run had it."""

from functools import cache

import pytest

from engine.answers.shown import Shown, show_in_force, show_job, show_run, shown_to_json
from engine.answers.shown_text import shown_to_text
from engine.core.errors import JobfileError
from jobfile.model.canonical import to_plain
from jobfile.pipeline import Compiled, compile_files
from tests.builders import a_job, a_run, compiled

MAIN = """\
version: 1
include: [more.yaml]
calendars:
  bank: {weekdays: [mon, tue]}
channels:
  ops: {command: [notify, ops]}
  web: {http: {url: "https://example.org/x"}}
queues: {heavy: {slots: 2}}
defaults:
  timezone: Europe/Oslo
  timeout: 90m
  env: {LANG: C, MODE: "slow"}
  notify: {failed: [ops]}
jobs:
  full:
    description: Everything
    owner: ops
    tags: [a, b]
    schedule:
      - {cron: "30 4 * * *", spread: 10m, from: "2026-01-01", until: "2026-12-31", with: {day: today}}
      - {every: 90s}
      - {business_day: 1, time: "09:00", calendar: bank}
    triggers:
      - {after: small}
    catchup: {mode: all, window: 2h, max: 5}
    expect: {success_every: 25h, max_duration: 45m}
    params:
      day: {type: string, default: "x", maxLength: 9}
      count: {type: integer, default: 3, minimum: 0}
    matrix: {size: [1, 2]}
    if: "params.count > 1"
    run: |
      echo one
      echo two
    working_dir: work
    pass_env: [HOME]
    env: {NOTHING: "", MODE: fast, A: b}
    secrets: {TOKEN: "env:TOKEN", KEY: "env:KEY"}
    umask: "027"
    new_privileges: true
    limits: {core: none}
    kill_grace: 90s
    retry: {attempts: 3, delay: 1m}
    concurrency: {limit: none, on_overlap: queue}
    start_deadline: 3h
    queue: heavy
    priority: 5
    idempotent: true
    idempotency_key: "{{ params.day }}"
    pause_on_failure: 2
    outputs: {rows: {type: integer}}
    artifacts: ["*.csv"]
    notify: {succeeded: [ops, web], missed: [web]}
    renamed_from: old
  stepped:
    timeout: none
    enabled: false
    params: {x: {type: boolean, default: true}}
    steps:
      one:
        if: "params.x"
        python: "mod:fun"
        timeout: 5m
        allow_failure: true
        outputs: {n: {type: integer}}
      two:
        for_each: "[1, 2]"
        max_parallel: 2
        command: [echo, "{{ item }}"]
        retry: {attempts: 2, delay: 90s}
        working_dir: sub
      three:
        needs: []
        description: Tell the others
        env: {MODE: fast, EMPTY: ""}
        secrets: {KEY: "env:KEY"}
        http: {url: "https://example.org", method: POST, json: {a: 1}, status: [200, 204]}
"""
MORE = """\
version: 1
jobs:
  small: {command: [a, "b c"]}
"""
TEXTS = {
    "full": """\
  description: Everything  # jobs.yaml:16
  owner: ops  # jobs.yaml:17
  tags: [a, b]  # jobs.yaml:18
  enabled: true  # built in
  schedule:  # jobs.yaml:19
    {kind: cron, cron: 30 4 * * *, timezone: Europe/Oslo, days: cron, on_closed: skip, from: 2026-01-01, \
until: 2026-12-31, spread: 10m, with: {day: today}}
    {kind: every, every: 1m30s, timezone: Europe/Oslo}
    {kind: business_day, business_day: 1, time: 09:00, calendar: bank, timezone: Europe/Oslo}
  triggers:  # jobs.yaml:23
    {kind: after, job: small, when: succeeded}
  timezone: Europe/Oslo  # from defaults (jobs.yaml:10)
  catchup: {mode: all, window: 2h, max: 5}  # jobs.yaml:25
  expect: {success_every: 1d1h, max_duration: 45m}  # jobs.yaml:26
  params.count: {type: integer, default: 3, minimum: 0}  # jobs.yaml:29
  params.day: {type: string, default: x, maxLength: 9}  # jobs.yaml:28
  matrix:  # jobs.yaml:30
    {size: 1}
    {size: 2}
  if: params.count > 1  # jobs.yaml:31
  run: |  # jobs.yaml:32
    echo one
    echo two
  shell: [sh, -eu]  # built in
  working_dir: work  # jobs.yaml:35
  pass_env: [HOME]  # jobs.yaml:36
  env.A: b  # jobs.yaml:37
  env.LANG: C  # from defaults (jobs.yaml:12)
  env.MODE: fast  # jobs.yaml:37
  env.NOTHING:  # jobs.yaml:37
  secrets.KEY: env:KEY  # jobs.yaml:38
  secrets.TOKEN: env:TOKEN  # jobs.yaml:38
  umask: 027  # jobs.yaml:39
  new_privileges: true  # jobs.yaml:40
  limits.core: none  # jobs.yaml:41
  timeout: 1h30m  # from defaults (jobs.yaml:11)
  kill_grace: 1m30s  # jobs.yaml:42
  retry: {attempts: 3, delay: 1m, backoff: exponential, max_delay: 1h, jitter: half, when: [any]}  \
# jobs.yaml:43
  concurrency: {limit: none, on_overlap: queue, max_waiting: 100}  # jobs.yaml:44
  start_deadline: 3h  # jobs.yaml:45
  queue: heavy  # jobs.yaml:46
  priority: 5  # jobs.yaml:47
  idempotent: true  # jobs.yaml:48
  idempotency_key: {{ params.day }}  # jobs.yaml:49
  pause_on_failure: 2  # jobs.yaml:50
  outputs.rows: {type: integer}  # jobs.yaml:51
  artifacts: [*.csv]  # jobs.yaml:52
  notify.missed: [web]  # jobs.yaml:53
  notify.succeeded: [ops, web]  # jobs.yaml:53
  renamed_from: old  # jobs.yaml:54""",
    "stepped": """\
  enabled: false  # jobs.yaml:57
  schedule: none  # built in
  timezone: Europe/Oslo  # from defaults (jobs.yaml:10)
  catchup: {mode: last, max: 10}  # built in
  params.x: {type: boolean, default: true}  # jobs.yaml:58
  steps.one.needs: []  # jobs.yaml:60
  steps.one.if: params.x  # jobs.yaml:61
  steps.one.python: mod:fun  # jobs.yaml:62
  steps.one.timeout: 5m  # jobs.yaml:63
  steps.one.allow_failure: true  # jobs.yaml:64
  steps.one.outputs.n: {type: integer}  # jobs.yaml:65
  steps.two.needs: [one]  # jobs.yaml:66
  steps.two.for_each: [1, 2]  # jobs.yaml:67
  steps.two.max_parallel: 2  # jobs.yaml:68
  steps.two.command: [echo, {{ item }}]  # jobs.yaml:69
  steps.two.working_dir: sub  # jobs.yaml:71
  steps.two.retry: {attempts: 2, delay: 1m30s, backoff: exponential, max_delay: 1h, jitter: half, \
when: [any]}  # jobs.yaml:70
  steps.three.description: Tell the others  # jobs.yaml:74
  steps.three.needs: []  # jobs.yaml:73
  steps.three.http: {kind: http, url: https://example.org, method: POST, json: {a: 1}, \
status: [[200, 200], [204, 204]]}  # jobs.yaml:77
  steps.three.env.EMPTY:  # jobs.yaml:75
  steps.three.env.MODE: fast  # jobs.yaml:75
  steps.three.secrets.KEY: env:KEY  # jobs.yaml:76
  env.LANG: C  # from defaults (jobs.yaml:12)
  env.MODE: slow  # from defaults (jobs.yaml:12)
  timeout: none  # jobs.yaml:56
  kill_grace: 10s  # built in
  retry: {attempts: 1, delay: 10s, backoff: exponential, max_delay: 1h, jitter: half, when: [any]}  # built in
  concurrency: {limit: 1, max_waiting: 100}  # built in
  queue: default  # built in
  priority: 0  # built in
  idempotent: false  # built in
  notify.failed: [ops]  # from defaults (jobs.yaml:13)""",
    "small": """\
  enabled: true  # built in
  schedule: none  # built in
  timezone: Europe/Oslo  # from defaults (jobs.yaml:10)
  catchup: {mode: last, max: 10}  # built in
  command: [a, b c]  # more.yaml:3
  env.LANG: C  # from defaults (jobs.yaml:12)
  env.MODE: slow  # from defaults (jobs.yaml:12)
  timeout: 1h30m  # from defaults (jobs.yaml:11)
  kill_grace: 10s  # built in
  retry: {attempts: 1, delay: 10s, backoff: exponential, max_delay: 1h, jitter: half, when: [any]}  # built in
  concurrency: {limit: 1, max_waiting: 100}  # built in
  queue: default  # built in
  priority: 0  # built in
  idempotent: false  # built in
  notify.failed: [ops]  # from defaults (jobs.yaml:13)""",
}
PLACES = {"full": "jobs.yaml:15", "stepped": "jobs.yaml:55", "small": "more.yaml:3"}


@cache
def the_files() -> Compiled:
    return compile_files([("jobs.yaml", MAIN.encode()), ("more.yaml", MORE.encode())])


def shown(job: str) -> Shown:
    found = the_files()
    assert found.catalog is not None, found.diagnostics
    assert found.files is not None
    one = found.catalog.job(job)
    assert one is not None
    return show_job(one, found.files.jobs[job])


@pytest.mark.parametrize("job", TEXTS)
def test_a_job_is_shown_whole_with_the_place_of_each_value(job: str) -> None:
    found = shown(job)
    first, _, text = shown_to_text(found).partition("\n")
    assert first == f"{job}:  # {PLACES[job]}, digest {found.digest[:12]}"
    assert text == TEXTS[job]


def test_the_data_has_the_place_of_each_key_that_a_file_gives() -> None:
    found = shown("stepped")
    from_defaults = {
        "timezone": 10,
        "env": 12,
        "env.LANG": 12,
        "env.MODE": 12,
        "notify": 13,
        "notify.failed": 13,
    }
    own = {
        **{"timeout": 56, "enabled": 57, "params": 58, "params.x": 58, "steps": 59},
        **{"steps.one": 60, "steps.one.if": 61, "steps.one.python": 62, "steps.one.timeout": 63},
        **{"steps.one.allow_failure": 64, "steps.one.outputs": 65},
        **{"steps.two": 66, "steps.two.for_each": 67, "steps.two.max_parallel": 68, "steps.two.command": 69},
        **{
            "steps.two.retry": 70,
            "steps.two.working_dir": 71,
            "steps.three": 72,
            "steps.three.needs": 73,
            "steps.three.http": 77,
        },
        **{"steps.three.description": 74, "steps.three.env": 75, "steps.three.env.MODE": 75},
        **{"steps.three.env.EMPTY": 75, "steps.three.secrets": 76, "steps.three.secrets.KEY": 76},
    }
    assert shown_to_json(found) == {
        "format": 1,
        "digest": found.digest,
        "job": to_plain(found.spec),
        "origins": {
            **{key: f"from defaults (jobs.yaml:{line})" for key, line in from_defaults.items()},
            **{key: f"jobs.yaml:{line}" for key, line in own.items()},
        },
    }


@pytest.mark.parametrize(
    "key", ["secrets.TOKEN", "outputs.rows", "params.day", "notify.succeeded", "env.NOTHING"]
)
def test_each_named_value_has_its_own_place(key: str) -> None:
    origins = shown("full").origins
    assert origins is not None
    assert origins[key].startswith("jobs.yaml:")


class Definitions:
    """A ledger that keeps one definition."""

    def __init__(self, digest: str, text: str) -> None:
        self._kept = {digest: text}

    def definition_text(self, digest: str) -> str | None:
        return self._kept.get(digest)


def test_a_job_is_shown_as_a_run_had_it_without_the_places_that_the_ledger_does_not_keep() -> None:
    job = compiled(a_job(description="as it was"))
    view = Definitions(job.digest, job.canonical)
    run = a_run(id="a" * 32, digest=job.digest, generation=3)
    found = show_run(view, run)  # type: ignore[arg-type]  # all that it asks
    lines = shown_to_text(found).split("\n")
    assert lines[:3] == [
        f"hello:  # as run aaaaaaaa had it, generation 3, digest {job.digest[:12]}",
        "  description: as it was",
        "  enabled: true",
    ]
    assert not any("#" in line for line in lines[1:])
    assert shown_to_json(found) == {
        "format": 1,
        "digest": job.digest,
        "job": to_plain(job.spec),
        "origins": {},
    }
    never_applied = show_run(view, a_run(id="b" * 32, digest=job.digest))  # type: ignore[arg-type]
    assert never_applied.about == f"as run bbbbbbbb had it, digest {job.digest[:12]}"
    with pytest.raises(JobfileError, match="the definition that run cccccccc had is no longer kept"):
        show_run(view, a_run(id="c" * 32, digest="gone"))  # type: ignore[arg-type]


def test_a_job_in_force_is_shown_without_places_too() -> None:
    job = compiled(a_job())
    found = show_in_force(job)
    assert (found.spec, found.digest, found.origins) == (job.spec, job.digest, None)
    assert found.about == f"in force, digest {job.digest[:12]}"
