"""Braces that are meant for another program: `{{ '{{.Names}}' }}` stays what it is, everywhere."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobfile.expressions.template import as_literal, evaluate_source, find_slots, render_items, render_text
from jobfile.fixing.fix_loop import fix_file
from jobfile.model.jobs import CommandAction, JobSpec, ScriptAction
from jobfile.pipeline import check_files, compile_files
from tests.together import together

THEIRS = [
    "{{.Names}}",
    "{{ .State.Health.Status }}",
    "{{json .}}",
    "{{end}}",
    "{{ else }}",
    "{{range .A}}",
    "{{range $k, $v := .A}}",
    '{{printf "%s" .X}}',
    "{{if eq .A 'b'}}",
    "{{- .X -}}",
    "{{ $x }}",
    "{{#if x}}",
    "{{/if}}",
    "{{> part}}",
    "{{i++}}",
    '{{index .A "it\'s"}}',
    r'{{"\n"}}{{.B}}',
]


def jobs_of(text: str) -> dict[str, JobSpec]:
    made = compile_files([("jobs.yaml", text.encode())])
    assert made.catalog is not None, made.diagnostics
    return {job.spec.name: job.spec for job in made.catalog.jobs}


@given(st.text(alphabet=st.sampled_from("ab .$'\"\\{}\n\té|"), max_size=20))
def test_a_literal_gives_back_the_braces(inner: str) -> None:
    literal = as_literal("{{" + inner + "}}")
    assert len(find_slots(literal)[0]) == 1
    assert render_text(literal, {}) == "{{" + inner + "}}"


@together("braces", THEIRS[:-1])
@together(
    "form",
    [
        "run: |\n      printf '%s' '{}'",
        "run: >-\n      printf '%s' \"{}\"",
        "run: printf %s {}",
        "run: 'printf %s {}'",
        'run: "printf %s {}"',
        "command: [docker, ps, '{}']",
        'command: [docker, ps, "{}"]',
        "env: {{X: '{}'}}\n    run: x",
    ],
)
def test_the_message_names_the_way_and_the_fix_writes_it(braces: str, form: str) -> None:
    written = braces.replace("'", "''") if "'{}'" in form.replace("printf '%s' '{}'", "") else braces
    written = written.replace("'", "''") if form.startswith("run: '") else written
    written = written.replace('"', '\\"') if '"{}"' in form and ">-" not in form else written
    written = written.replace('"', '\\"') if form.startswith('run: "') else written
    text = f"version: 1\njobs:\n  a:\n    {form.format(written)}\n"
    errors = [one for one in check_files([("jobs.yaml", text.encode())]).diagnostics if one.is_error]
    assert {one.code for one in errors} <= {"JF401", "JF402"}
    (advice,) = errors[0].help
    said, _, literal = advice.partition(":  ")
    assert said == "for literal braces, write"
    fixed = fix_file("jobs.yaml", text.encode())
    assert literal in fixed.content.decode()
    after = [one for one in check_files([("jobs.yaml", fixed.content)]).diagnostics if one.is_error]
    assert not [one for one in after if one.code in ("JF401", "JF402")], fixed.content.decode()


@pytest.mark.parametrize(
    "mistake", ["{{ params.x + }}", "{{ if params.x }}", "{{ upper params.x }}", "{{ x }}"]
)
def test_a_mistake_in_a_template_is_not_taken_for_another_programs_braces(mistake: str) -> None:
    text = f"version: 1\njobs:\n  a:\n    params: {{x: {{type: string}}}}\n    run: echo {mistake}\n"
    errors = [one for one in check_files([("jobs.yaml", text.encode())]).diagnostics if one.is_error]
    assert errors
    assert not any("literal braces" in line for one in errors for line in one.help)


QUOTED = [
    "printf %s {}",
    "printf %s '{}'",
    'printf %s "{}"',
    "printf %s ''{}\"\"",
    'printf %s "$(printf %s {})"',
    "printf %s \"$(printf %s '{}')\"",
    'x={}; printf %s "$x"',
    'y=$(cat <<END\n{}\nEND\n)\nprintf %s "$y"',
    "y=$(cat <<'END'\n{}\nEND\n)\nprintf %s \"$y\"",
    'y=$(cat <<\\END\n{}\nEND\n)\nprintf %s "$y"',
    "sh -c \"printf %s '{}'\"",
]


@pytest.mark.parametrize("shell", ["sh", "bash"])
@pytest.mark.parametrize("quoted", QUOTED)
def test_a_script_gets_the_braces_in_every_quoting(quoted: str, shell: str, tmp_path: Path) -> None:
    braces = [one for one in THEIRS if "'" not in one or "sh -c" not in quoted]
    named = [(f"j{number}", one, quoted.replace("{}", as_literal(one))) for number, one in enumerate(braces)]
    text = "version: 1\njobs:\n" + "".join(
        f"  {name}:\n    shell: {shell}\n    run: |\n"
        + "".join(f"      {line}\n" for line in script.splitlines())
        for name, _, script in named
    )
    jobs = jobs_of(text)
    for name, one, _ in named:
        action = jobs[name].action
        assert isinstance(action, ScriptAction)
        env = {
            f"JF_{at}": str(evaluate_source(source, {})) for at, source in enumerate(action.values, start=1)
        }
        done = subprocess.run(
            [shell, "-eu", "-c", action.compiled],
            cwd=tmp_path,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin", **env},
            check=True,
        )
        assert done.stdout.decode() == one


def test_a_script_for_another_shell_and_a_list_get_the_braces_too() -> None:
    for one in THEIRS:
        literal = as_literal(one)
        script = f"print('''{literal}''')\n"
        yaml = f"|\n      {script}"
        item = literal.replace("'", "''")
        jobs = jobs_of(
            "version: 1\njobs:\n"
            f"  a:\n    shell: [python3]\n    run: {yaml}  b:\n    command: [x, '{item}']\n"
        )
        action, command = jobs["a"].action, jobs["b"].action
        assert isinstance(action, ScriptAction)
        assert action.compiled == f"print('''{one}''')\n"
        assert isinstance(command, CommandAction)
        assert render_items(command.argv[1], {}) == (one,)


def test_only_braces_are_allowed_in_a_quoted_here_document() -> None:
    text = "version: 1\njobs:\n  a:\n    run: |\n      cat <<'END'\n      {{ 'END' }}\n      END\n"
    errors = [one.code for one in check_files([("jobs.yaml", text.encode())]).diagnostics if one.is_error]
    assert errors == ["JF415"]
