"""The plots of interrupted lives: every kind of end that a run can have, and all kinds of upkeep."""

from tests.faults.life import Act, Fate, Plot

DAY = 86_400.0


def _at(hour: int, minute: int, second: float = 0) -> float:
    """A time of day in seconds after noon, when every life begins."""
    return (hour - 12) * 3600.0 + minute * 60 + second


WORK = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  flaky: {schedule: "10 12 5 3 *", retry: {attempts: 3, delay: 60s, jitter: none}, command: ["true"]}
  slow: {schedule: "10 12 5 3 *", timeout: 30s, notify: {failed: [oncall]}, command: ["true"]}
  hangs: {schedule: "10 12 5 3 *", command: ["true"]}
  queue: {schedule: "10,12 12 5 3 *", concurrency: {on_overlap: queue}, command: ["true"]}
  nowhere: {schedule: "11 12 5 3 *", working_dir: no/folder, notify: {failed: [oncall]}, command: ["true"]}
  nothing: {schedule: "11 12 5 3 *", command: ["nothing"]}
  again:
    schedule: "11 12 5 3 *"
    idempotent: true
    retry: {attempts: 2, delay: 10s, jitter: none}
    command: ["true"]
  gone: {schedule: "11 12 5 3 *", retry: {attempts: 2, delay: 10s, jitter: none}, command: ["true"]}
"""

work = Plot(
    name="work",
    text=WORK,
    fates={
        ("flaky", 1): Fate(5, 1),
        ("slow", 1): Fate(30, None, "timeout"),
        ("hangs", 1): Fate(None),
        ("queue", 1): Fate(150, 3),
        ("nothing", 1): Fate(1, None, "start_error"),
        ("again", 1): Fate(5, None, "lost"),
        ("gone", 1): Fate(5, None, "lost"),
    },
    acts=(
        Act(0),
        Act(_at(12, 10)),
        Act(_at(12, 10, 5)),
        Act(_at(12, 10, 30)),
        Act(_at(12, 11)),
        Act(_at(12, 11, 5)),
        Act(_at(12, 11, 15)),
        Act(_at(12, 12), "cancel", "hangs"),
        Act(_at(12, 12, 1)),
        Act(_at(12, 12, 30), "boot"),
        Act(_at(12, 15)),
        Act(_at(12, 18)),
        Act(_at(12, 19), "stop"),
    ),
)

BRIEF = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  flaky: {schedule: "10 12 5 3 *", retry: {attempts: 2, delay: 5s, jitter: none}, command: ["true"]}
  queue: {schedule: "10,11 12 5 3 *", concurrency: {on_overlap: queue}, command: ["true"]}
  nowhere: {schedule: "11 12 5 3 *", working_dir: no/folder, notify: {failed: [oncall]}, command: ["true"]}
  hangs: {schedule: "11 12 5 3 *", command: ["true"]}
  gone: {schedule: "11 12 5 3 *", command: ["true"]}
  each: {schedule: "25-40 12 5 3 *", catchup: none, command: ["true"]}
"""

brief = Plot(
    name="brief",
    text=BRIEF,
    fates={
        ("flaky", 1): Fate(5, 1),
        ("queue", 1): Fate(90, 3),
        ("hangs", 1): Fate(None),
        ("gone", 1): Fate(5, None, "lost"),
    },
    acts=(
        Act(0),
        Act(_at(12, 10)),
        Act(_at(12, 10, 40)),
        Act(_at(12, 11)),
        Act(_at(12, 12), "cancel", "hangs"),
        Act(_at(12, 13), "edit", BRIEF.replace("gone", "came").replace('"11 12 5', '"13 12 5')),
        Act(_at(12, 14)),
        Act(_at(12, 50), "boot"),
        Act(_at(12, 52) + 3 * DAY, "keep house"),
        Act(_at(12, 54) + 3 * DAY, "stop"),
    ),
)
"""The shortest plot with every kind of end that a disk fault can affect."""

birth = Plot(
    name="birth",
    text="version: 1\njobs:\n  first: {schedule: '10 12 5 3 *', command: ['true']}\n",
    fates={("first", 1): Fate(30, 2)},
    acts=(Act(0), Act(_at(12, 10)), Act(_at(12, 11)), Act(_at(12, 12), "stop")),
)
"""From an empty folder: the tables are made."""

STAGES = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  etl:
    schedule: "10 12 5 3 *"
    retry: {attempts: 2, delay: 30s, jitter: none}
    notify: {failed: [oncall], succeeded: [oncall]}
    steps:
      extract: {retry: {attempts: 2, delay: 5s, jitter: none}, command: ["true"]}
      each: {for_each: "[1, 2, 3]", max_parallel: 2, command: ["true", "{{ item }}"]}
      never: {needs: [extract], if: "1 == 2", command: ["true"]}
      join: {needs: [each, never], command: ["true", "{{ steps.each.succeeded }}"]}
      load: {command: ["true"]}
  stopped:
    schedule: "11 12 5 3 *"
    steps:
      first: {command: ["true"]}
      hangs: {command: ["true"]}
      last: {command: ["true"]}
  lost: {schedule: "12 12 5 3 *", steps: {gone: {command: ["true"]}, after: {command: ["true"]}}}
"""

stages = Plot(
    name="stages",
    text=STAGES,
    fates={
        ("etl", "extract", 1): Fate(5, 1),
        ("etl", "each[2]", 1): Fate(9),
        ("etl", "join", 1): Fate(5, 3),
        ("stopped", "hangs", 1): Fate(None),
        ("lost", "gone", 1): Fate(5, None, "lost"),
    },
    acts=(
        Act(0),
        Act(_at(12, 10)),
        Act(_at(12, 10, 5)),
        Act(_at(12, 10, 10)),
        Act(_at(12, 10, 15)),
        Act(_at(12, 10, 20)),
        Act(_at(12, 10, 24)),
        Act(_at(12, 10, 29), "boot"),
        Act(_at(12, 11, 0)),
        Act(_at(12, 11, 5)),
        Act(_at(12, 11, 10)),
        Act(_at(12, 11, 20), "cancel", "stopped"),
        Act(_at(12, 11, 22)),
        Act(_at(12, 12)),
        Act(_at(12, 12, 5)),
        Act(_at(12, 12, 10)),
        Act(_at(12, 19), "stop"),
    ),
)
"""Jobs with steps: a step and a run that are retried, a list, a condition, a cancel and a lost step."""

AXES = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  all:
    schedule: "10,12 12 5 3 *"
    matrix: {region: [eu, us, ap]}
    concurrency: {on_overlap: queue}
    retry: {attempts: 2, delay: 10s, jitter: none}
    notify: {failed: [oncall], succeeded: [oncall]}
    pause_on_failure: 2
    command: ["true", "{{ matrix.region }}"]
  each:
    schedule: "10,20,30,40,50 12 5 3 *"
    matrix: {region: [eu, us, ap]}
    concurrency: {key: "at-{{ matrix.region }}"}
    start_deadline: 30m
    command: ["true", "{{ matrix.region }}"]
"""

axes = Plot(
    name="axes",
    text=AXES,
    fates={
        ("all", "eu", 1): Fate(130),
        ("all", "us", 1): Fate(5, 1),
        ("all", "us", 2): Fate(5, 1),
        ("all", "ap", 1): Fate(9, None, "lost"),
        ("each", "us", 1): Fate(700, 3),
        ("each", "ap", 1): Fate(None),
    },
    acts=(
        Act(0),
        Act(_at(12, 10)),
        Act(_at(12, 10, 5)),
        Act(_at(12, 10, 10)),
        Act(_at(12, 10, 15)),
        Act(_at(12, 10, 25), "boot"),
        Act(_at(12, 12)),
        Act(_at(12, 12, 10)),
        Act(_at(12, 12, 20)),
        Act(_at(12, 20)),
        Act(_at(12, 21), "cancel", "each"),
        Act(_at(12, 22)),
        Act(_at(12, 58), "boot"),
        Act(_at(12, 58, 10)),
        Act(_at(12, 59), "cancel", "each"),
        Act(_at(12, 59, 5)),
        Act(_at(13, 6), "edit", AXES.replace("[eu, us, ap]", "[eu, us]")),
        Act(_at(13, 30) + 3 * DAY, "boot"),
        Act(_at(13, 31) + 3 * DAY, "keep house"),
        Act(_at(13, 32) + 3 * DAY, "stop"),
    ),
)
"""Jobs with a matrix: combinations that fail, are retried, lost, cancelled, skipped and missed."""

CHAINS = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  load: {schedule: "10,12,14 12 5 3 *", retry: {attempts: 2, delay: 10s, jitter: none}, command: ["true"]}
  clean: {schedule: "10,12 12 5 3 *", matrix: {region: [eu, us]}, command: ["true"]}
  hangs: {schedule: "10 12 5 3 *", command: ["true"]}
  report: {triggers: [{after: load}], notify: {skipped: [oncall]}, command: ["true"]}
  mail: {triggers: [{after: report}], command: ["true"]}
  alarm:
    triggers: [{after: {job: mail, when: failed}}, {after: {job: hangs, when: always}}]
    command: ["true"]
  never: {triggers: [{after: hangs}], notify: {skipped: [oncall]}, command: ["true"]}
  nor-this: {triggers: [{after: never}], command: ["true"]}
  both: {triggers: [{after: {all: [load, clean]}}], command: ["true"]}
  first:
    triggers: [{after: {any: [load, clean], when: always}}]
    concurrency: {limit: none}
    command: ["true"]
"""

chains = Plot(
    name="chains",
    text=CHAINS,
    fates={
        ("load", 1): Fate(5, 1),
        ("clean", "us", 1): Fate(30),
        ("hangs", 1): Fate(None),
        ("mail", 1): Fate(5, None, "lost"),
    },
    acts=(
        Act(0),
        Act(_at(12, 10)),
        Act(_at(12, 10, 5)),
        Act(_at(12, 10, 15)),
        Act(_at(12, 10, 20)),
        Act(_at(12, 10, 25), "cancel", "hangs"),
        Act(_at(12, 10, 30)),
        Act(_at(12, 10, 40), "boot"),
        Act(_at(12, 12)),
        Act(
            _at(12, 12, 5),
            "edit",
            CHAINS.replace("  report: {", "  summary: {renamed_from: report, ").replace(
                "report}", "summary}"
            ),
        ),
        Act(_at(12, 12, 15)),
        Act(_at(12, 12, 20)),
        Act(_at(12, 12, 30)),
        Act(_at(12, 13)),
        Act(_at(12, 16), "boot"),
        *(Act(_at(12, minute)) for minute in range(17, 24)),
        Act(_at(12, 24), "stop"),
    ),
)
"""Jobs after other jobs: after a failure with a retry, a matrix, a cancel, a rename, and two crashes."""

TIMES = """\
version: 1
channels:
  oncall: {command: [notify-send, hello]}
jobs:
  old: {schedule: "10 12 5 3 *", command: ["true"]}
  stays: {schedule: "10,12 12 5 3 *", command: ["true"]}
  long: {schedule: "19 12 5 3 *", command: ["true"]}
  each: {schedule: "25-40 12 5 3 *", catchup: none, notify: {missed: [oncall]}, command: ["true"]}
"""

times = Plot(
    name="times",
    text=TIMES,
    fates={("long", 1): Fate(200, 7), ("stays", 1): Fate(5, 1)},
    acts=(
        Act(0),
        Act(_at(12, 10)),
        Act(_at(12, 10, 5)),
        Act(
            _at(12, 11),
            "edit",
            TIMES.replace("old", "fresh").replace('"10 12 5', '"14 12 5').replace("/stays", "/stays "),
        ),
        Act(_at(12, 12)),
        Act(_at(12, 14)),
        Act(_at(12, 19)),
        Act(_at(12, 50), "boot"),
        Act(_at(12, 51)),
        Act(_at(12, 52) + 3 * DAY, "boot"),
        Act(_at(12, 53) + 3 * DAY, "keep house"),
        Act(_at(12, 54) + 3 * DAY, "stop"),
    ),
)
