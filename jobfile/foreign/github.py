"""Workflows of GitHub Actions."""

import re
from collections.abc import Mapping
from typing import Any, Final  # a value of a workflow

from jobfile.foreign.draft import (
    Draft,
    Saved,
    invalid_schedule,
    is_long,
    literal,
    more,
    present,
    schedules_of,
    seconds,
    several,
    slug,
)
from jobfile.foreign.foreign_text import ForeignText, below, maps, text_of
from jobfile.foreign.kind import Format, Sign
from jobfile.model.labels import own_labels

MAX_STEPS: Final = 6
_EXPRESSION: Final = re.compile(r"\$\{\{\s*+((?:(?!\}\}).)*?)\s*\}\}", re.DOTALL)
_SECRET: Final = re.compile(r"secrets\.([A-Za-z_]\w*)", re.ASCII)
_VARIABLE: Final = re.compile(r"env\.([A-Za-z_]\w*)", re.ASCII)
_INPUT: Final = re.compile(r"(?:github\.event\.)?inputs\.([a-z][a-z0-9_]*)", re.ASCII)
_NAME: Final = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_LEFT_OUT: Final = ("strategy", "services", "container", "if", "needs")


def _find(given: ForeignText) -> Sign | None:
    if not given.has_keys("jobs") or not (given.has_keys("on") or given.has_keys("runs-on")):
        return None
    jobs = given.top.get("jobs")
    is_known = isinstance(jobs, dict) and any(map(_is_job, jobs.values()))
    place = given.key("on") or given.key("jobs") or given.first_line()
    if is_known or ("on" in given.top and given.has_keys("runs-on")):
        return Sign("a GitHub Actions workflow", place, "a key of a workflow")
    return None


def _is_job(job: object) -> bool:
    """Whether a value is a job of a workflow: it names a machine, another workflow, or steps with actions."""
    if not isinstance(job, dict):
        return False
    has_actions = isinstance(job.get("steps"), list) and any("uses" in one for one in maps(job["steps"]))
    return "runs-on" in job or ("uses" in job and "steps" not in job) or has_actions


class _Words:
    """Translates the expressions of a workflow, and remembers what they need."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}
        self.params: dict[str, Any] = {}
        self.lost: dict[str, None] = {}

    def text(self, text: str, *, is_script: bool) -> str | None:
        """A text with its expressions in the language; None if one has no meaning here."""
        parts = _EXPRESSION.split(text)
        known = [self.meant(expression, is_script=is_script) for expression in parts[1::2]]
        if None in known:
            return None
        return "".join(
            literal(plain) + (word or "") for plain, word in zip(parts[::2], [*known, ""], strict=True)
        )

    def meant(self, expression: str, *, is_script: bool) -> str | None:
        """What to write for an expression."""
        secret, variable = _SECRET.fullmatch(expression), _VARIABLE.fullmatch(expression)
        param = _INPUT.fullmatch(expression)
        if param is not None:
            self.params[param[1]] = {"type": "string"}
            return f"{{{{ params.{param[1]} }}}}"
        if secret is not None and is_script:
            self.secrets[secret[1]] = f"env:{secret[1]}"
            return f"${{{secret[1]}}}"
        if variable is not None and is_script:
            return f"${{{variable[1]}}}"
        self.lost[f"${{{{ {expression} }}}}"] = None
        return None

    def env(self, values: object) -> dict[str, str]:
        """The variables of a map; one that is a secret becomes a secret of the job."""
        found = {}
        for key, value in values.items() if isinstance(values, dict) else ():
            whole = _EXPRESSION.fullmatch(text_of(value))
            secret = None if whole is None else _SECRET.fullmatch(whole[1])
            if not _NAME.fullmatch(key):
                continue
            if secret is not None:
                self.secrets[key] = f"env:{secret[1]}"
            elif (text := self.text(text_of(value), is_script=False)) is not None:
                found[key] = text
        return found


def _first_job(given: ForeignText) -> Draft | None:
    jobs = given.top.get("jobs")
    named = jobs.items() if isinstance(jobs, dict) else ()
    name, job = next(((name, one) for name, one in named if isinstance(one, dict)), ("", {}))
    words = _Words()
    env = {**words.env(given.top.get("env")), **words.env(job.get("env"))}
    given_steps = maps(job.get("steps"))
    steps = _steps(given_steps, words)
    if not steps:
        return None
    on = given.top.get("on")
    whens = [text_of(one.get("cron")) for one in maps(below(on, "schedule"))]
    scripts = [one for one in given_steps if "run" in one]
    left_out = [
        *(f"`{key}`" for key in _LEFT_OUT if job.get(key)),
        *invalid_schedule(whens),
        *more(len(scripts) - len(steps), "script"),
        *several("expression", list(words.lost)),
        *several("action", [text_of(one["uses"]) for one in given_steps if "uses" in one]),
        *several("event", _events(on)),
    ]
    settings: dict[str, Any] = {
        **(schedules_of(whens) if whens else {}),
        **present(timeout=seconds(job.get("timeout-minutes"), scale=60), runs_on=_labels(job.get("runs-on"))),
        **present(params=_params(on, words), env=env, secrets=words.secrets),
        **(next(iter(steps.values())) if len(steps) == 1 else {"steps": steps}),
    }
    return Draft(name=slug(name), settings=settings, left_out=left_out)


def _labels(runner: object) -> list[str]:
    """The labels of a runner of one's own; a group of runners has a name, which is no label."""
    names = below(runner, "labels") if isinstance(runner, dict) else runner
    return list(own_labels(map(text_of, names if isinstance(names, list) else [names])))


def _events(on: object) -> list[str]:
    """The events of a forge that start a workflow."""
    names = on if isinstance(on, (list, dict)) else [on]
    return [one for one in map(text_of, names) if one and one not in ("schedule", "workflow_dispatch")]


def _params(on: object, words: _Words) -> dict[str, Any]:
    """The inputs that the job reads, with their defaults."""
    found = {}
    for name, param in words.params.items():
        about = below(on, "workflow_dispatch", "inputs", name)
        default = text_of(below(about, "default"))
        is_required = below(about, "required") is True
        found[name] = {**param, **({} if is_required and not default else {"default": default})}
    return found


def _steps(given: list[Mapping[str, Any]], words: _Words) -> dict[str, dict[str, Any]]:
    """The steps that are scripts, by their names."""
    found: dict[str, dict[str, Any]] = {}
    for number, step in enumerate(given, 1):
        script = words.text(text_of(step.get("run")), is_script=True)
        if not script or text_of(step.get("shell")) not in ("", "bash", "sh") or len(found) == MAX_STEPS:
            continue
        name = slug(text_of(step.get("id")) or text_of(step.get("name")) or f"step {number}", glue="_")
        name = f"{name}_{number}" if name in found else name
        folder = text_of(step.get("working-directory"))
        body = {"run": Saved(f"./{name}.sh")} if is_long(script) else {"run": script.strip("\n")}
        found[name] = {
            **present(working_dir="" if "${{" in folder else folder, env=words.env(step.get("env"))),
            **present(timeout=seconds(step.get("timeout-minutes"), scale=60)),
            **({"allow_failure": True} if step.get("continue-on-error") is True else {}),
            "shell": "bash",
            **body,
        }
    if len(found) == 1:  # a job has no `allow_failure`
        next(iter(found.values())).pop("allow_failure", None)
    return found


GITHUB: Final = Format("github", _find, _first_job)
