"""What a plan says and what it leaves out: meaning only, both ways alike, equal bytes for equal input."""

import json
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobfile.diagnostics.source import Source
from jobfile.fixing.format import format_source
from jobfile.model.catalog import removes_many
from jobfile.model.jobs import JobSpec
from jobfile.pipeline import File, compile_files
from jobfile.plan import JobFacts, Plan, Side, make_plan
from jobfile.plan.as_json import text_of, to_json
from jobfile.plan.markdown import render_markdown
from jobfile.plan.page import render_page
from jobfile.plan.runs import compare_runs, count_starts, starts_of
from jobfile.plan.text import render_text, summary_line
from jobfile.plan.values import Action, JobChange
from jobfile.schedule.occurrences import fires, next_fire
from jobfile.syntax.document import parse_document
from tests.builders import a_job, cron, every
from tests.language.schema_generator import Generator
from tests.language.test_examples import EXAMPLES, HERE, INCLUDED
from tests.soak import examples
from tests.together import together

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)


def side(*files: File | str, kind: str = "file") -> Side:
    named = [("jobs.yaml", one.encode()) if isinstance(one, str) else one for one in files]
    compiled = compile_files(named)
    assert compiled.catalog is not None, [one.message for one in compiled.diagnostics if one.is_error]
    found = compiled.diagnostics
    return Side(kind=kind, name="x", catalog=compiled.catalog, diagnostics=found, written=compiled.files)


def plan_of(before: str, after: str, **options: Any) -> Plan:
    return make_plan(side(before), side(after), now=NOON, **options)


def jobs(*texts: str) -> str:
    return "version: 1\njobs:\n" + "".join(f"  {text}\n" for text in texts)


def hello(*lines: str, name: str = "hello") -> str:
    kept = (
        [*lines]
        if any(line.startswith(("run:", "command:")) for line in lines)
        else ["command: [true]", *lines]
    )
    return f"version: 1\njobs:\n  {name}:\n" + "".join(f"    {line}\n" for line in kept)


def only(plan: Plan) -> JobChange:
    (change,) = plan.jobs
    return change


# Meaning alone


def files_of(path: Path) -> list[File]:
    others = [(name, (HERE / name).read_bytes()) for name in INCLUDED.get(path.stem, ())]
    return [("jobs.yaml", path.read_bytes()), *others]


def tree_of(text: bytes) -> dict[str, Any]:
    document, problems = parse_document(Source("jobs.yaml", text.decode()))
    assert document is not None, problems

    def as_written(value: Any, path: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            return {key: as_written(one, (*path, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [as_written(one, (*path, index)) for index, one in enumerate(value)]
        is_text = isinstance(value, float) and {"env", "command"} & set(path)
        return document.text(path) if is_text else value

    return as_written(document.tree, ())


def as_json(tree: object) -> bytes:
    """JSON is YAML: every text in double quotes, everything in flow style."""
    return json.dumps(tree, indent=1).encode()


def reordered(tree: Any, chance: random.Random) -> Any:
    if isinstance(tree, dict):
        keys = list(tree)
        chance.shuffle(keys)
        return {key: reordered(tree[key], chance) for key in keys}
    return tree


def in_other_order(files: list[File]) -> list[File]:
    chance = random.Random(1)
    steady = {"steps", "params", "matrix", "vars", "outputs"}

    def turned(tree: dict[str, Any]) -> dict[str, Any]:
        made = reordered(tree, chance)
        for name, job in tree.get("jobs", {}).items():
            made["jobs"][name] |= {key: value for key, value in job.items() if key in steady}
        return made

    return [(name, as_json(turned(tree_of(content)))) for name, content in files]


def quoted_anew(files: list[File]) -> list[File]:
    return [(name, as_json(tree_of(content))) for name, content in files]


def commented(files: list[File]) -> list[File]:
    def with_comments(text: str) -> str:
        lines = text.split("\n")
        return (
            "\n".join(f"# note\n\n{line}" if line[:1].isalpha() else line for line in lines) + "\n# the end\n"
        )

    return [(name, with_comments(content.decode()).encode()) for name, content in files]


def laid_out(files: list[File]) -> list[File]:
    return [(name, format_source(Source(name, content.decode())).text.encode()) for name, content in files]


def moved_to_files(files: list[File]) -> list[File]:
    (_, main), *others = files
    tree = tree_of(main)
    made = [
        (f"moved/{name}.yaml", as_json({"version": 1, "jobs": {name: job}}))
        for name, job in tree["jobs"].items()
    ]
    kept = {key: value for key, value in tree.items() if key != "jobs"}
    include = tree.get("include", [])
    kept["include"] = [*([include] if isinstance(include, str) else include), "moved/*.yaml"]
    return [("jobs.yaml", as_json(kept)), *others, *made]


TO_DEFAULTS = ("owner", "timezone", "timeout", "kill_grace", "retry", "catchup", "priority", "concurrency")


def moved_to_defaults(files: list[File]) -> list[File]:
    """What the first job says, and no other could take from there, is said for all."""
    (_, main), *others = files
    tree = tree_of(main)
    if len(tree["jobs"]) > 1 or others:
        return files
    (job,) = tree["jobs"].values()
    moved = {key: job.pop(key) for key in TO_DEFAULTS if key in job}
    return [("jobs.yaml", as_json({**tree, "defaults": {**tree.get("defaults", {}), **moved}}))]


REWRITINGS = (in_other_order, quoted_anew, commented, laid_out, moved_to_files, moved_to_defaults)


@together("rewrite", REWRITINGS)
@together("path", EXAMPLES)
def test_a_change_without_a_meaning_is_no_change(
    path: Path, rewrite: Callable[[list[File]], list[File]]
) -> None:
    files = files_of(path)
    before, after = side(*files), side(*rewrite(files))
    plan = make_plan(before, after, now=NOON)
    assert [(one.name, one.fields) for one in plan.jobs] == []
    assert len(plan.same) == len(before.catalog.jobs)
    assert plan.all_risks == ()
    assert summary_line(plan).startswith("plan: no change")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("timeout: 1h", "timeout: 60m"),
        ('schedule: "*/15 * * * *"', 'schedule: "0,15,30,45 * * * *"'),
        ('schedule: "0 2 * * SUN"', 'schedule: "0 2 * * 0"'),
        ('schedule: ["0 2 * * *", "0 3 * * *"]', 'schedule: ["0 3 * * *", "0 2 * * *"]'),
        ("tags: [a, b]", "tags: [b, a]"),
        ("env: {A: x, B: y}", "env: {B: y, A: x}"),
        ("retry: 3", "retry: {attempts: 3}"),
    ],
)
def test_two_ways_to_say_the_same_are_no_change(one: str, other: str) -> None:
    assert plan_of(hello(one), hello(other)).jobs == ()


# Both ways, and the same bytes


def mirrored(plan: Plan) -> list[object]:
    turn = {Action.ADD: Action.REMOVE, Action.REMOVE: Action.ADD}
    told: list[object] = []
    for one in plan.jobs:
        before, after = (side.spec.name if side else None for side in (one.after, one.before))
        runs = one.runs
        fields = [(field.path, field.after, field.before) for field in one.fields]
        is_whole = one.action in turn
        told.append(
            (
                turn.get(one.action, one.action),
                before,
                after,
                [] if is_whole else fields,
                (runs.next_after, runs.next_before, runs.count_after, runs.count_before),
                (runs.lost, runs.gained, tuple((new, old) for old, new in runs.moved)),
            )
        )
    return sorted(told, key=str)


def straight(plan: Plan) -> list[object]:
    told: list[object] = []
    for one in plan.jobs:
        before, after = (side.spec.name if side else None for side in (one.before, one.after))
        runs = one.runs
        fields = [(field.path, field.before, field.after) for field in one.fields]
        is_whole = one.action in (Action.ADD, Action.REMOVE)
        told.append(
            (
                one.action,
                before,
                after,
                [] if is_whole else fields,
                (runs.next_before, runs.next_after, runs.count_before, runs.count_after),
                (runs.gained, runs.lost, runs.moved),
            )
        )
    return sorted(told, key=str)


@settings(max_examples=examples(30))
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_the_reverse_change_has_the_opposite_plan(one: int, other: int) -> None:
    sides = []
    for seed in (one, other):
        generator = Generator(seed)
        generator.wrong = 0
        compiled = compile_files(generator.files())
        if compiled.catalog is None:
            return
        sides.append(Side(kind="file", name="x", catalog=compiled.catalog))
    there, back = (make_plan(a, b, now=NOON) for a, b in (sides, reversed(sides)))
    assert mirrored(there) == straight(back)
    assert (there.load.before, there.load.after) == (back.load.after, back.load.before)
    assert (there.load.peak_before, there.load.total_before) == (back.load.peak_after, back.load.total_after)
    assert there.same == back.same


@settings(max_examples=examples(30))
@given(st.integers(0, 10**6))
def test_the_plan_of_a_set_with_itself_is_empty_and_equal_input_gives_equal_bytes(seed: int) -> None:
    generator = Generator(seed)
    generator.wrong = 0
    files = generator.files()
    compiled = compile_files(files)
    if compiled.catalog is None:
        return
    here = side(*files)
    assert make_plan(here, side(*files), now=NOON).jobs == ()
    empty = side("version: 1\njobs: {}\n")
    texts = [
        (text_of(to_json(plan, version="1")), render_text(plan, is_full=True))
        for plan in (make_plan(empty, side(*files), now=NOON) for _ in range(2))
    ]
    assert texts[0] == texts[1]
    assert json.loads(texts[0][0])["summary"]["add"] == len(compiled.catalog.jobs)


# What is shown of a job


def test_a_time_zone_moves_runs_and_a_day_without_that_time_is_reported() -> None:
    one = only(
        plan_of(
            hello('schedule: "0 2 * * *"'),
            hello('schedule: {cron: "30 2 * * *", timezone: America/New_York}'),
        )
    )
    assert (one.runs.count_before, one.runs.count_after, len(one.runs.moved)) == (30, 30, 30)
    assert [start.at.hour * 60 + start.at.minute for start in one.runs.next_after] == [450, 450, 420, 390]
    assert one.effects == ("02:30 does not exist on 2026-03-08 in America/New_York",)


def test_a_name_in_a_spread_decides_when_a_renamed_job_starts() -> None:
    spread = 'schedule: {cron: "0 3 * * *", spread: 2h}'
    one = only(plan_of(hello(spread), hello(spread, "renamed_from: hello", name="other")))
    assert (one.action, one.fields, len(one.runs.moved)) == (Action.RENAME, (), 30)
    assert {(old.at == new.at, old.starts == new.starts) for old, new in one.runs.moved} == {(True, False)}


def test_a_rename_without_a_word_is_a_guess_with_the_line_to_add() -> None:
    plan = plan_of(hello("command: [a, b]"), hello("command: [a, b]", "owner: me", name="other"))
    assert [(one.action, one.name, one.hint) for one in plan.jobs] == [
        (Action.ADD, "other", "renamed_from: hello"),
        (Action.REMOVE, "hello", ""),
    ]
    assert "to keep its history add  renamed_from: hello" in render_text(plan)


def test_jobs_that_are_not_alike_are_no_rename() -> None:
    plan = plan_of(hello("command: [a]", "owner: you"), hello("run: echo x", "timeout: 3h", name="other"))
    assert [one.hint for one in plan.jobs] == ["", ""]


def test_the_table_names_the_next_run_even_if_it_is_years_away() -> None:
    rare = 'schedule: "0 3 29 2 *"'
    told = render_markdown(plan_of(hello(DAILY), hello(rare)), name="x", version="1")
    back = render_markdown(plan_of(hello(rare), hello(DAILY)), name="x", version="1")
    assert "| Fri 06 Mar 2026 02:00 → Tue 29 Feb 2028 03:00 |" in told
    assert "| Tue 29 Feb 2028 03:00 → Fri 06 Mar 2026 02:00 |" in back


def test_a_rename_taken_back_is_a_rename() -> None:
    renamed = hello("renamed_from: hello", name="other")
    assert only(plan_of(renamed, hello())).action is Action.RENAME


def test_a_renamed_job_that_is_renamed_again_keeps_its_oldest_name() -> None:
    once, again = (hello("renamed_from: hello", name=name) for name in ("other", "third"))
    assert [only(plan_of(before, again)).action for before in (hello(), once)] == [Action.RENAME] * 2
    both = plan_of(once, once + again.partition("jobs:\n")[2].replace("hello", "older"))
    assert [one.action for one in both.jobs] == [Action.ADD]


def test_fields_come_in_the_order_and_words_of_the_language() -> None:
    before = hello("timeout: 3h", "owner: you", "retry: {attempts: 2, delay: 1m}", "env: {A: x}")
    after = hello(
        "timeout: 1h", "owner: me", "retry: {attempts: 3, delay: 2m}", "env: {B: y}", "if: run.attempt == 1"
    )
    lines = [line.strip() for line in render_text(plan_of(before, after)).splitlines() if line[:4] == "    "]
    assert lines[:7] == [
        "owner           you -> me",
        "if              none -> run.attempt == 1",
        "env.A           x -> none",
        "env.B           none -> y",
        "timeout         3h -> 1h",
        "retry.attempts  2 -> 3",
        "retry.delay     1m -> 2m",
    ]


def test_steps_are_shown_one_by_one() -> None:
    before = hello("command: [x]").replace(
        "command: [x]", "steps:\n      one: {run: echo 1}\n      two: {run: echo 2}"
    )
    after = before.replace("echo 2", "echo 3") + "      three: {command: [tidy]}\n"
    fields = only(plan_of(before, after)).fields
    assert [field.path for field in fields] == [("steps", "two", "run"), ("steps", "three")]


def test_another_kind_of_action_is_one_removed_and_one_added() -> None:
    fields = only(plan_of(hello("run: echo x"), hello("command: [echo, x]"))).fields
    assert [(field.path, field.before, field.after) for field in fields] == [
        (("run",), "echo x", None),
        (("command",), None, ("echo", "x")),
    ]


SECRET = "hunter2-Zx81Qq"


@pytest.mark.parametrize(
    "line",
    [
        f"env: {{API_TOKEN: {SECRET}}}",
        f"command: [login, --password, x, --token={SECRET}]",
        f"run: export API_TOKEN={SECRET}",
        f"params: {{token: {{type: string, default: {SECRET}}}}}",
    ],
)
def test_what_looks_like_a_secret_is_in_no_output(line: str) -> None:
    other = line.replace(SECRET, "Other-9Zx81Qq7")
    for plan in (
        plan_of(hello(line), hello(other)),
        plan_of(hello(other), hello(line)),
        plan_of(hello(), hello(line, name="new")),
    ):
        said = (*outputs(plan), str(plan.all_risks))
        assert not [text for text in said if SECRET in text or "Other-9Zx81Qq7" in text]
        assert "hidden, " in said[0]


def outputs(plan: Plan) -> tuple[str, ...]:
    return (
        render_text(plan, is_full=True),
        render_markdown(plan, name="jobs.yaml", version="1"),
        render_page(plan),
        text_of(to_json(plan, version="1")),
    )


# Risks


def risks_of(plan: Plan) -> list[str]:
    return sorted({risk.code for risk in plan.all_risks})


DAILY = 'schedule: "0 2 * * *"'
BUSY = {"hello": JobFacts(running=1, waiting=2, retrying=1, longest=timedelta(hours=2, minutes=11), of=20)}
FOLLOWED = "  next:\n    triggers: [{after: hello}]\n    command: [x]\n"


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (["schedule: {every: 30m}"], ["schedule: {every: 10m}"], "RISK01"),
        ([DAILY], ["schedule: {every: 1m}"], "RISK01"),
        (["schedule: {every: 30s}"], ["schedule: {every: 20s}"], "RISK01"),
        (["timeout: 3h"], ["timeout: 1h"], "RISK02"),
        ([DAILY, "retry: 2"], [DAILY, "retry: 3"], "RISK03"),
        ([DAILY], [DAILY, "enabled: false"], "RISK03"),
        ([DAILY], [DAILY, "enabled: false"], "RISK04"),
        ([DAILY], ['schedule: "0 2 9 * *"'], "RISK05"),
        (['schedule: "0 13 * * *"'], ['schedule: "30 11 * * *"'], "RISK05"),
        (["retry: 1"], ["retry: 3"], "RISK06"),
        (["catchup: none"], ["catchup: last"], "RISK06"),
        (["concurrency: 1"], ["concurrency: 3"], "RISK07"),
        (["secrets: {A: env:A}"], ["secrets: {A: file:/b}"], "RISK08"),
        (["run: a", "shell: [bash, -eu]"], ["run: a", "shell: [sh, -eu]"], "RISK09"),
        (["working_dir: a"], ["working_dir: b"], "RISK09"),
        ([DAILY, "enabled: false"], [DAILY], "RISK10"),
    ],
)
def test_a_risk_is_reported_in_one_direction(before: list[str], after: list[str], code: str) -> None:
    one, other = hello(*before) + FOLLOWED, hello(*after) + FOLLOWED
    assert code in risks_of(plan_of(one, other, facts=BUSY))
    if code not in ("RISK03", "RISK08", "RISK09", "RISK10"):
        assert code not in risks_of(plan_of(other, one, facts=BUSY))


@pytest.mark.parametrize(("time", "is_reported"), [("59 0", False), ("0 1", False), ("1 1", True)])
def test_a_run_is_moved_up_to_half_of_its_usual_distance_and_else_it_will_not_happen(
    time: str, is_reported: bool
) -> None:
    plan = plan_of(hello('schedule: "0 13 * * *"'), hello(f'schedule: "{time} * * *"'))
    said = [message for message, _ in risks_with(plan, "RISK05") if "will not happen" in message]
    assert bool(said) is is_reported


PARAMS = "params: {a: {type: string, default: x}}"


@pytest.mark.parametrize(
    ("before", "after", "code", "message", "evidence"),
    [
        (
            ["schedule: {every: 30m}"],
            ["schedule: {every: 10m}"],
            "RISK01",
            "3 times as many runs",
            {"before": 1440, "after": 4320, "days": 30},
        ),
        (
            ["schedule: {every: 30s}"],
            ["schedule: {every: 20s}"],
            "RISK01",
            "1,440 more runs a day",
            {"before": 86_400, "after": 129_600, "days": 30},
        ),
        (
            ["timeout: 3h"],
            ["timeout: 1h"],
            "RISK02",
            "the timeout is shorter than the longest of the last 20 runs (2h11m)",
            {"longest_seconds": 7860, "of": 20},
        ),
        (
            [DAILY, "retry: 2"],
            [DAILY, "retry: 3"],
            "RISK03",
            "2 waiting runs will run the new definition; 1 running run keeps the old definition; "
            "1 run between attempts keeps the old definition",
            {"waiting": 2, "running": 1, "retrying": 1},
        ),
        (
            [DAILY],
            [DAILY, "queue: default", "priority: 7"],
            "RISK03",
            "2 waiting runs will run the new definition, without a queue, with priority 7; "
            "1 running run keeps the old definition; 1 run between attempts keeps the old definition",
            {"waiting": 2, "running": 1, "retrying": 1},
        ),
        (
            [DAILY],
            [DAILY, "runs_on: [gpu, eu]"],
            "RISK03",
            "2 waiting runs will run the new definition, on a host with the labels eu, gpu; "
            "1 running run keeps the old definition; 1 run between attempts keeps the old definition",
            {"waiting": 2, "running": 1, "retrying": 1},
        ),
        (
            [DAILY],
            ['schedule: "0 2 9 * *"'],
            "RISK05",
            "the run of Fri 06 02:00Z will not happen; next is Mon 09 02:00Z",
            {"lost": "2026-03-06T02:00:00+00:00"},
        ),
        (
            [DAILY],
            ['schedule: {at: "2026-03-01T02:00:00Z"}'],
            "RISK05",
            "the run of Fri 06 02:00Z will not happen; there is none after it",
            {"lost": "2026-03-06T02:00:00+00:00"},
        ),
        (
            ["retry: 1"],
            ["retry: 3"],
            "RISK06",
            "a failed run is now retried; the job has no idempotency_key and is not idempotent",
            {"attempts": 3},
        ),
        (
            ["catchup: none"],
            ["catchup: last"],
            "RISK06",
            "runs are now caught up; the job has no idempotency_key and is not idempotent",
            {"catchup": "last"},
        ),
        (
            ["concurrency: 1"],
            ["concurrency: 3"],
            "RISK07",
            "at most 1 at once becomes 3",
            {"before": 1, "after": 3},
        ),
        (
            ["concurrency: 1", PARAMS],
            ["concurrency: {limit: 1, key: '{{ params.a }}'}", PARAMS],
            "RISK07",
            "the limit now applies to each key separately",
            {"key": "{{ params.a }}"},
        ),
        (
            ["secrets: {A: env:A}"],
            ["secrets: {A: file:/b}"],
            "RISK08",
            "a different source for A",
            {"secrets": ["A"]},
        ),
        (
            ["run: a", "shell: [bash, -eu]"],
            ["run: a", "shell: [sh, -eu]"],
            "RISK09",
            "a different shell",
            {"fields": ["shell"]},
        ),
        ([DAILY, "enabled: false"], [DAILY], "RISK10", "switched on", {"enabled": True}),
        ([DAILY], [DAILY, "enabled: false"], "RISK10", "switched off", {"enabled": False}),
    ],
)
def test_a_risk_shows_its_evidence(
    before: list[str], after: list[str], code: str, message: str, evidence: dict[str, object]
) -> None:
    plan = plan_of(hello(*before) + FOLLOWED, hello(*after) + FOLLOWED, facts=BUSY)
    assert [(one.message, dict(one.evidence)) for one in plan.all_risks if one.code == code] == [
        (message, evidence)
    ]


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        (["schedule: {every: 10m}"], ["schedule: {every: 5m}"], "RISK01"),
        (["timeout: 5h"], ["timeout: 3h"], "RISK02"),
        ([DAILY], ['schedule: "30 2 * * *"'], "RISK05"),
        (
            ["retry: 1", 'idempotency_key: "{{ run.scheduled_at }}"'],
            ["retry: 3", 'idempotency_key: "{{ run.scheduled_at }}"'],
            "RISK06",
        ),
        (["retry: 2"], ["retry: 3"], "RISK06"),
        (["concurrency: 3"], ["concurrency: 3", "owner: me"], "RISK07"),
    ],
)
def test_a_harmless_change_is_no_risk(before: list[str], after: list[str], code: str) -> None:
    assert code not in risks_of(plan_of(hello(*before), hello(*after), facts=BUSY))


CHANGES_OF_A_FOLLOWED_JOB = {
    "enabled: false": "is disabled",
    "outputs: {rows: {type: integer}}": "has different outputs",
    "owner: me": None,
    "timeout: 2h": None,
    "retry: 3": None,
    "description: other": None,
    "tags: [new]": None,
}


def followers(count: int) -> str:
    return "".join(f"  follower-{n}: {{triggers: [{{after: hello}}], command: [x]}}\n" for n in range(count))


@pytest.mark.parametrize(("line", "says"), CHANGES_OF_A_FOLLOWED_JOB.items())
@pytest.mark.parametrize("was_off", [False, True])
def test_a_change_of_a_followed_job_is_a_risk_only_if_its_followers_start_otherwise(
    line: str, says: str | None, was_off: bool
) -> None:
    """A reviewer who is warned at every change believes no warning."""
    before = [DAILY, *(["enabled: false"] if was_off and "enabled" not in line else [])]
    plan = plan_of(hello(*before) + followers(2), hello(*before, line) + followers(2))
    told = [one.message.partition(",")[0] for one in only(plan).risks if one.code == "RISK04"]
    assert told == ([] if says is None else [says])


@pytest.mark.parametrize("count", range(8))
def test_up_to_five_followers_are_named_and_more_are_said_to_be_there(count: int) -> None:
    plan = plan_of(hello(DAILY) + followers(count), hello(DAILY, "enabled: false") + followers(count))
    names = ", ".join(f"follower-{n}" for n in range(min(count, 5))) + (", …" if count > 5 else "")
    told = [one for one in only(plan).risks if one.code == "RISK04"]
    if not count:
        assert told == []
        return
    (risk,) = told
    assert risk.message == f"is disabled, and {names} start{'s' if count == 1 else ''} after it"
    assert risk.evidence == {"followers": [f"follower-{n}" for n in range(count)]}


@pytest.mark.parametrize(
    "schedule", ["0 2 1 1 *", "0 2 29 2 *", "0 2 1 */6 *", "0 2 5 * *", "0 2 * * *", "0 * * * *"]
)
@pytest.mark.parametrize("is_new", [False, True])
def test_the_next_runs_are_found_however_rare_they_are(schedule: str, is_new: bool) -> None:
    text = hello(f'schedule: "{schedule}"')
    plan = plan_of("version: 1\njobs: {}\n" if is_new else hello("schedule: {every: 7d}"), text)
    spec = side(text).catalog.jobs[0].spec
    far = NOON + timedelta(days=366)
    expected = [fire.at for fire in islice(fires(spec.schedule, after=NOON, until=far), 4)]
    expected = expected or [next_fire(spec.schedule, after=far).at]  # type: ignore[union-attr]  # there is one
    assert [one.at for one in only(plan).runs.next_after] == expected
    assert is_new == (only(plan).runs.next_before == ())


def risks_with(plan: Plan, code: str) -> list[tuple[str, object]]:
    return [(one.message, one.evidence) for one in plan.all_risks if one.code == code]


def test_a_run_that_starts_at_once_is_reported_unless_it_was_due_then_before() -> None:
    soon = hello('schedule: {at: "2026-03-05T12:00:30Z"}')
    told = risks_with(plan_of(hello('schedule: {at: "2026-03-07T02:00:00Z"}'), soon), "RISK05")
    assert any(
        message.startswith("starts immediately: ") and evidence == {"gained": "2026-03-05T12:00:30+00:00"}
        for message, evidence in told
    ), told
    again = plan_of(soon, hello('schedule: [{at: "2026-03-05T12:00:30Z"}, {at: "2026-03-09T12:00:30Z"}]'))
    assert not [one for one, _ in risks_with(again, "RISK05") if one.startswith("starts immediately")]
    later = hello('schedule: {at: "2026-03-05T12:01:00Z"}')
    told = risks_with(plan_of(hello('schedule: {at: "2026-03-07T02:00:00Z"}'), later), "RISK05")
    assert not [one for one, _ in told if one.startswith("starts immediately")]


KEYS = "secrets: {KEY: env:KEY, OTHER: env:OTHER}"


def webhook(path: str, secret: str = "") -> str:
    lock = f"secret: {secret}" if secret else "public: true"
    return f"triggers: [{{webhook: {{path: {path}, {lock}}}}}]"


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (webhook("a", "KEY"), webhook("a"), "the webhook a is open to everyone"),
        (webhook("a", "KEY"), webhook("a", "OTHER"), "the webhook a is signed with OTHER"),
        (webhook("a"), webhook("a", "KEY"), "the webhook a is signed with KEY"),
        (webhook("a", "KEY"), webhook("a", "KEY"), None),
        (webhook("a", "KEY"), webhook("b"), None),
        (
            webhook("a", "KEY"),
            webhook("a", "KEY, verify: bearer"),
            "the webhook a is signed with KEY (bearer)",
        ),
    ],
)
def test_another_key_of_a_webhook_is_a_risk(before: str, after: str, says: str | None) -> None:
    told = risks_with(plan_of(hello(before, KEYS), hello(after, KEYS, "timeout: 3h")), "RISK08")
    assert told == ([] if says is None else [(says, {"webhook": "a"})])


@pytest.mark.parametrize(
    ("count", "removed", "is_many"),
    [(3, 2, False), (5, 5, False), (6, 5, False), (6, 6, True), (30, 6, False), (29, 6, True), (40, 9, True)],
)
def test_removing_more_than_five_and_a_fifth_asks_for_a_missing_include(
    count: int, removed: int, *, is_many: bool
) -> None:
    every = [f"j{number}: {{command: [x, '{number}']}}" for number in range(count)]
    plan = plan_of(jobs(*every), jobs(*every[removed:]) if removed < count else "version: 1\njobs: {}\n")
    evidence = {"removed": removed, "of": count}
    says = f"{removed} of {count} jobs removed: is an include missing?"
    assert risks_with(plan, "RISK11") == ([(says, evidence)] if is_many else [])


@given(st.integers(0, 300), st.integers(0, 300))
def test_many_are_more_than_five_and_more_than_a_fifth(removed: int, of: int) -> None:
    assert removes_many(removed, of=of) == (removed > max(5, of / 5))


def test_a_zone_that_changes_for_many_is_one_risk() -> None:
    text = "version: 1\ndefaults: {timezone: UTC}\n" + jobs(
        *(f'{name}: {{schedule: "0 4 * * *", command: [x]}}' for name in "abc")
    ).removeprefix("version: 1\n")
    plan = plan_of(text, text.replace("UTC", "Asia/Tokyo"))
    assert risks_of(plan) == ["RISK12"]
    assert "RISK12 the time zone of 3 jobs changes from UTC to Asia/Tokyo" in render_text(plan)
    old = text.replace("UTC", "Asia/Calcutta")
    assert risks_of(plan_of(old, text.replace("UTC", "Asia/Kolkata"))) == []
    assert risks_of(plan_of(old, text.replace("UTC", "Asia/Colombo"))) == ["RISK12"]


def test_open_runs_are_shown_with_what_happens_to_them() -> None:
    plan = plan_of(hello(DAILY, "retry: 2"), hello(DAILY, "retry: 3"), facts=BUSY)
    assert (
        "2 waiting runs will run the new definition; 1 running run keeps the old definition; "
        "1 run between attempts keeps the old definition" in render_text(plan)
    )
    gone = plan_of(hello(DAILY), "version: 1\njobs: {}\n", facts=BUSY)
    assert "2 waiting runs will be cancelled" in render_text(gone)


def test_a_paused_job_is_shown_as_paused() -> None:
    facts = {"hello": JobFacts(paused="by anna since 2026-03-04 08:10Z")}
    assert "paused      by anna since 2026-03-04 08:10Z; it stays paused" in render_text(
        plan_of(hello("timeout: 1h"), hello("timeout: 2h"), facts=facts)
    )


# Load


def test_the_load_counts_every_start_of_both_sides() -> None:
    plan = plan_of(
        jobs('a: {schedule: "0 2 * * *", command: [x]}', 'b: {schedule: "0 2 * * *", command: [x]}'),
        jobs('a: {schedule: "0 2 * * *", command: [x]}', 'b: {schedule: "30 5 * * *", command: [x]}'),
    )
    load = plan.load
    assert (load.total_before, load.total_after, load.peak_before, load.peak_after) == (60, 60, 2, 1)
    assert (load.before[2], load.after[2], load.after[5]) == (2, 1, 1)


@settings(deadline=None, max_examples=examples(30))
@given(st.timedeltas(timedelta(), timedelta(days=2)), st.integers(0, 23))
def test_a_start_is_counted_in_its_hour_at_whatever_second_the_plan_is_made(
    later: timedelta, hour: int
) -> None:
    after = side(hello(f'schedule: "0 {hour} * * *"'))
    plan = make_plan(side("version: 1\njobs: {}\n"), after, now=NOON + later)
    assert [at for at, count in enumerate(plan.load.after) if count] == [hour]


def test_a_set_with_very_many_starts_is_looked_at_for_fewer_days_and_counted_whole() -> None:
    plan = plan_of(
        jobs("a: {schedule: {every: 1s}, command: [x]}"), jobs("a: {schedule: {every: 2s}, command: [x]}")
    )
    assert (plan.load.total_before, plan.load.total_after) == (2_592_000, 1_296_000)
    assert plan.load.days < 30
    assert plan.load.before[12] == 3600
    (one,) = plan.jobs
    assert (one.runs.count_before, one.runs.count_after) == (2_592_000, 1_296_000)
    assert "compared up to" in render_text(plan)
    assert not one.runs.gained
    assert len(one.runs.lost) == pytest.approx(25_000, abs=2)


def test_lost_runs_are_named_with_their_local_time() -> None:
    entry = "schedule: {cron: '0 2 * * %s', timezone: Europe/Oslo}"
    plan = plan_of(hello(entry % "*"), hello(entry % "1-5"))
    lines = [" ".join(line.split()) for line in render_text(plan).splitlines()]
    at = lines.index("lost Sat 07 01:00Z (02:00 CET)")
    assert lines[at + 1 : at + 4] == [
        "Sun 08 01:00Z (02:00 CET)",
        "Sat 14 01:00Z (02:00 CET)",
        "… 6 more",
    ]
    lost = to_json(plan, version="1")["jobs"][0]["schedule"]["lost"]
    assert (lost["count"], lost["runs"][0]) == (
        9,
        {
            "for": "2026-03-07T01:00:00+00:00",
            "starts": "2026-03-07T01:00:00+00:00",
            "local": "2026-03-07T02:00:00+01:00",
        },
    )


def test_secret_references_are_shown() -> None:
    plan = plan_of(hello("secrets: {API_TOKEN: env:A}"), hello("secrets: {API_TOKEN: file:/b}"))
    assert "secrets.API_TOKEN  env:A -> file:/b" in render_text(plan)


# The runs of two meanings, compared


PARTS = st.one_of(
    st.integers(600, 90_000).map(lambda count: every(seconds=count)),
    st.sampled_from(["0 * * * *", "*/20 3 * * *", "0 2 * * 1-5", "30 4 9 * *"]).map(cron),
    st.tuples(st.integers(3600, 90_000), st.integers(1, 20), st.integers(1, 20)).map(
        lambda some: tuple(
            replace(
                one,
                from_day=date(2026, 3, 1) + timedelta(days=some[1]),
                until_day=date(2026, 3, 1) + timedelta(days=some[1] + some[2]),
            )
            for one in every(seconds=some[0])
        )
    ),
)
SCHEDULED = st.one_of(
    st.none(),
    st.builds(
        lambda parts, is_on: a_job(schedule=tuple(one for part in parts for one in part), enabled=is_on),
        st.lists(PARTS, max_size=3),
        st.sampled_from([True, True, True, False]),
    ),
)


def instants(job: JobSpec | None) -> list[datetime]:
    if job is None or not job.enabled:
        return []
    return [fire.at for fire in fires(job.schedule, after=NOON, until=NOON + timedelta(days=30))]


@given(SCHEDULED)
def test_starts_are_counted_as_they_are_listed(job: JobSpec | None) -> None:
    end = NOON + timedelta(days=30)
    assert count_starts(job, after=NOON, until=end) == len(instants(job))
    assert [one.at for one in starts_of(job, after=NOON, until=end)] == instants(job)


@given(SCHEDULED, SCHEDULED)
def test_every_run_of_both_sides_is_kept_moved_lost_or_gained(
    before: JobSpec | None, after: JobSpec | None
) -> None:
    found, back = compare_runs(before, after, now=NOON), compare_runs(after, before, now=NOON)
    kept = set(instants(before)) & set(instants(after))
    gone = [one.at for one in found.lost] + [one.at for one, _ in found.moved]
    come = [one.at for one in found.gained] + [one.at for _, one in found.moved]
    assert sorted(gone) == sorted(set(instants(before)) - kept)
    assert sorted(come) == sorted(set(instants(after)) - kept)
    assert all(abs(one.at - other.at) <= found.usual_distance for one, other in found.moved)
    assert list(found.lost) == sorted(found.lost)
    assert list(found.gained) == sorted(found.gained)
    assert (back.lost, back.gained) == (found.gained, found.lost)
    assert back.moved == tuple((other, one) for one, other in found.moved)
    assert (found.count_before, found.count_after) == (len(instants(before)), len(instants(after)))
