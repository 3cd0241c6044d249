"""The names available in triggers, steps, items, keys and channels; and the message for other names."""

import pytest

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.pipeline import check_files

LOAD = (
    "  load: {run: echo '$JOBFILE_PARAM_DAY', params: {day: {type: string, default: mon}}, "
    "outputs: {rows: {type: integer}, tags: {type: array, items: {type: string}}}}\n"
    "  clean: {run: echo, outputs: {rows: {type: integer}, size: {type: number}, tags: {type: string}}}\n"
)


def errors(jobs: str, top: str = "") -> list[Diagnostic]:
    looked = check_files([("jobs.yaml", f"version: 1\n{top}jobs:\n{jobs}".encode())])
    return [one for one in looked.diagnostics if one.is_error]


def said(jobs: str, top: str = "") -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in errors(jobs, top)]


AFTER = "triggers: [{after: load}]"
BOTH = "triggers: [{after: load}, {file: {path: /in}}]"
HOOK = "triggers: [{after: load}, {webhook: {path: x, public: true}}]"
FILE = "triggers: [{file: {path: /in}}]"
ALL = "triggers: [{after: {all: [load, clean]}}]"
ANY = "triggers: [{after: {any: [load, clean]}}]"
EACH = "triggers: [{after: load}, {after: clean}]"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (AFTER, "{{ trigger.job }} {{ trigger.run_id }} {{ trigger.status }} {{ trigger.error }}"),
        (AFTER, "{{ trigger.outputs.rows + 1 }}"),
        (AFTER, "{{ trigger.outputs.tags | join(',') }}"),
        (AFTER, "{{ trigger.params.day | upper }}"),
        (ALL, "{{ trigger.job }} {{ trigger.params.day }} {{ trigger.outputs.size + 1 }}"),
        (ANY, "{{ trigger.job }} {{ trigger.outputs.rows + 1 }}"),
        (EACH, "{{ trigger.job }} {{ trigger.outputs.rows + 1 }}"),
        (FILE, "{{ trigger.path }} {{ trigger.name }} {{ trigger.dir }} {{ trigger.size + 1 }}"),
        (AFTER + ", schedule: '0 4 * * *'", "{{ trigger.job if run.trigger == 'after' else 'none' }}"),
        (
            "triggers: [{after: load}, {file: {path: /in}}]",
            "{{ trigger.path if run.trigger == 'file' else '' }}",
        ),
        ("matrix: {n: [1, 2]}", "{{ matrix.n + 1 }}"),
        ("matrix: {n: [1, 2.5]}", "{{ matrix.n / 2 }}"),
        ("matrix: {s: [a, b]}", "{{ matrix.s | upper }}"),
        ("description: x", "{{ run.idempotency_key }} {{ run.previous_success | default('never') }}"),
    ],
)
def test_these_names_are_known(keys: str, text: str) -> None:
    assert said(LOAD + f'  a: {{{keys}, run: "echo {text}"}}\n') == []


@pytest.mark.parametrize(
    ("keys", "text", "code", "message"),
    [
        ("description: x", "trigger.path", "JF403", "`trigger` is not available here"),
        (AFTER, "trigger.path", "JF402", "`trigger` has no `path`"),
        (AFTER, "trigger.outputs.row", "JF424", "output `row` is not declared"),
        (AFTER, "trigger.params.dya", "JF402", "`trigger` has no `params.dya`"),
        (
            ALL,
            "trigger.outputs.rows",
            "JF424",
            "several of the jobs that this one follows have `rows` in their outputs",
        ),
        (ANY, "trigger.outputs.tags", "JF424", "output `tags` is not declared"),
        (ANY, "trigger.outputs.size", "JF424", "output `size` is not declared"),
        (EACH, "trigger.params.day", "JF402", "`trigger` has no `params.day`"),
        (
            AFTER + ", schedule: '0 4 * * *'",
            "trigger.job",
            "JF403",
            "only in runs started by `after`",
        ),
        (
            "triggers: [{after: load}, {webhook: {path: x, public: true}}]",
            "trigger.job",
            "JF403",
            "by `after`",
        ),
        ("description: x", "item", "JF403", "`item` is not available here"),
        ("description: x", "matrix.n", "JF403", "`matrix` is not available here"),
        ("matrix: {n: [1]}", "matrix.m", "JF402", "`matrix` has no `m`"),
        ("description: x", "event.title", "JF403", "`event` is not available here"),
        ("description: x", "steps.a.status", "JF403", "`steps` is not available here"),
        ("description: x", "secrets.X", "JF210", "`secrets` has no entry `X`"),
    ],
)
def test_a_name_that_is_not_available_is_refused_with_the_reason(
    keys: str, text: str, code: str, message: str
) -> None:
    ((found, words),) = said(LOAD + f'  a: {{{keys}, run: "echo {{{{ {text} }}}}"}}\n')
    assert found == code
    assert message in words


STEPS = """\
  a:
    params: {names: {type: array, items: {type: string}, default: [x]}}
    steps:
      one: {run: echo, outputs: {n: {type: integer}}}
      each:
        for_each: params.names
        run: "echo {{ item | upper }}"
        outputs: {m: {type: integer}}
      side: {needs: [], run: echo}
      last:
        needs: [%s]
        if: %s
        run: "echo x"
"""


@pytest.mark.parametrize(
    ("needs", "condition"),
    [
        ("each", "steps.one.outputs.n > 1"),
        ("each", "steps.each.failed == 0 and steps.each.total > steps.each.succeeded"),
        ("each", "steps.each.outputs.m | length > 0"),
        ("each, side", "steps.side.status == 'succeeded'"),
    ],
)
def test_a_step_reads_all_that_ended_before_it(needs: str, condition: str) -> None:
    assert [one for one in said(STEPS % (needs, condition))] == []


@pytest.mark.parametrize(
    ("needs", "condition", "code"),
    [
        ("each", "steps.side.status == 'x'", "JF425"),
        ("each", "steps.last.status == 'x'", "JF425"),
        ("side", "steps.one.outputs.n > 1", "JF425"),
        ("each", "steps.one.total > 1", "JF402"),
        ("each", "steps.won.status == 'x'", "JF402"),
        ("each", "steps.one.outputs.k > 1", "JF424"),
        ("each", "steps.each.outputs.m > 1", "JF404"),
        ("each", "steps.one.outputs.n", "JF406"),
        ("each", "steps.one.outputs.n > 'a'", "JF404"),
        ("each", "item == 'x'", "JF403"),
        ("eahc", "steps.one.outputs.n > 1 and steps.side.status == 'x'", "JF201"),
    ],
)
def test_what_a_step_cannot_read_is_one_finding(needs: str, condition: str, code: str) -> None:
    assert [found for found, _ in said(STEPS % (needs, condition))] == [code]


def test_a_key_is_made_before_any_attempt() -> None:
    bad = '  a: {concurrency: {key: "{{ run.attempt }}"}, run: echo}\n'
    good = '  a: {concurrency: {key: "{{ run.job }}-{{ run.trigger }}"}, run: echo}\n'
    assert [code for code, _ in said(bad)] == ["JF403"]
    assert said(good) == []


def test_secrets_are_allowed_in_the_environment_and_in_requests_only() -> None:
    def job(keys: str) -> list[str]:
        return [code for code, _ in said(f"  a: {{secrets: {{T: env:T}}, {keys}}}\n")]

    assert job('run: echo, env: {X: "{{ secrets.T }}"}') == []
    assert job('http: {url: https://x.org/, headers: {Authorization: "Bearer {{ secrets.T }}"}}') == []
    assert job('http: {url: https://x.org/, method: POST, json: {a: ["{{ secrets.T }}"]}}') == []
    assert job('run: "echo {{ secrets.T }}"') == ["JF423"]
    assert job('command: [x, "{{ secrets.T }}"]') == ["JF423"]
    assert job("run: echo, if: secrets.T == 'x'") == ["JF423"]


def test_a_channel_knows_its_event_and_its_own_secrets() -> None:
    def channel(keys: str) -> list[str]:
        top = f"channels: {{c: {{{keys}}}}}\n"
        return [code for code, _ in said("  a: {run: echo, notify: {failed: [c]}}\n", top)]

    assert channel('command: [tell, "{{ event.title }}", "{{ event.url }}"]') == []
    assert channel('http: {url: "{{ secrets.U }}"}, secrets: {U: env:U}') == []
    assert channel('command: [tell, "{{ run.id }}"]') == ["JF403"]
    assert channel('http: {url: "{{ secrets.U }}"}') == ["JF210"]
    assert channel("apprise: [U, V], secrets: {U: env:U}") == ["JF210"]
    assert channel("command: [x], http: {url: y}") == ["JF109"]
    assert channel("secrets: {U: env:U}") == ["JF102"]


def test_a_value_of_json_may_be_of_any_type_but_nothing() -> None:
    def json(value: str) -> list[str]:
        listed = "l: {type: array, items: {type: string}, default: []}"
        params = f"params: {{b: {{type: boolean, default: true}}, {listed}}}"
        http = f'http: {{url: https://x.org/, method: POST, json: {{a: "{value}"}}}}'
        return [code for code, _ in said(f"  a: {{{params}, {http}}}\n")]

    assert json("{{ params.b }}") == json("{{ params.l }}") == []
    assert json("x {{ params.b }}") == json("x {{ params.l }}") == ["JF404"]
    assert json("{{ run.previous_success }}") == ["JF404"]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("github.run_id", "run.id"),
        ("github.run_attempt", "run.attempt"),
        ("github.workflow", "run.job"),
        ("github.event_name", "run.trigger"),
        ("inputs.day", "params.day"),
        ("github.event.inputs.day", "params.day"),
        ("ds", "run.scheduled_at | date('%Y-%m-%d')"),
        ("ds_nodash", "run.scheduled_at | date('%Y%m%d')"),
        ("ts", "run.scheduled_at"),
    ],
)
def test_a_name_of_another_tool_is_answered_with_one_that_is_known(theirs: str, ours: str) -> None:
    def job(name: str) -> str:
        text = f"{{{{ {name} }}}} {{{{ params.day }}}}"
        return f'  a: {{params: {{day: {{type: string, default: x}}}}, run: "echo {text}"}}\n'

    (found,) = errors(job(theirs))
    assert found.code == "JF402"
    assert found.help[0].endswith(f"write  {ours}")
    assert said(job(ours)) == []


def test_a_name_of_another_tool_may_be_the_name_of_a_var() -> None:
    assert (
        said('  a: {run: "echo {{ vars.env }} {{ vars.github }}"}\n', "vars: {env: prod, github: x}\n") == []
    )


def test_the_first_secret_of_a_job_is_declared_as_the_help_says() -> None:
    http = 'http: {url: "https://example.com/{{ secrets.TOKEN }}"}'
    (found,) = errors(f"  a: {{{http}}}\n")
    ours = found.help[0].partition("secrets: ")[2]
    assert said(f"  a: {{secrets: {ours}, {http}}}\n") == []
