"""Files whose work is not written as jobs on a schedule: Compose, GitLab CI, Ansible, Airflow."""

import re
from collections.abc import Mapping
from typing import Any, Final  # a value of such a file

from jobfile.foreign.draft import (
    Draft,
    invalid_schedule,
    literal,
    present,
    schedules_of,
    script_of,
    slug,
    unset_variables,
)
from jobfile.foreign.foreign_text import ForeignText, maps, text_of, texts_of
from jobfile.foreign.kind import Format, Sign
from jobfile.model.labels import own_labels

_GITLAB_KEYS: Final = (
    "stages",
    "default",
    "workflow",
    "variables",
    "image",
    "before_script",
    "after_script",
    "include",
)
_GITLAB_JOB: Final = (
    "stage",
    "rules",
    "only",
    "except",
    "tags",
    "artifacts",
    "needs",
    "image",
    "extends",
    "before_script",
)
_PLAYS: Final = ("tasks", "roles", "pre_tasks", "handlers")
_AIRFLOW: Final = re.compile(r"(?m)^(?:from airflow[\w.]*+ import\b|import airflow\b)")
_DAG_ID: Final = re.compile(r"""\bdag_id\s*+=\s*+["']([\w.-]++)["']|\bDAG\(\s*+["']([\w.-]++)["']""")
_DAG_SCHEDULE: Final = re.compile(r"""\bschedule(?:_interval)?\s*+=\s*+["']([^"'\n]++)["']""")
_BASH: Final = re.compile(r"""\bbash_command\s*+=\s*+(?:"([^"\n\\]++)"|'([^'\n\\]++)')""")


def _find_compose(given: ForeignText) -> Sign | None:
    if not given.has_keys("services"):
        return None
    services = given.top.get("services")
    known = (
        [one for one in maps(list(services.values())) if _is_service(one)]
        if isinstance(services, dict)
        else []
    )
    place = given.key("services") or given.first_line()
    return Sign("a Docker Compose file", place, "services, each a container") if known else None


def _is_service(service: Mapping[str, Any]) -> bool:
    return any(key in service for key in ("image", "build", "extends"))


def _compose_job(given: ForeignText) -> Draft | None:
    name = next(
        name for name, one in given.top["services"].items() if isinstance(one, dict) and _is_service(one)
    )
    note = "a job can start a service of that file, which stays as it is"
    command = ["docker", "compose", "run", "--rm", name]
    return Draft(name=slug(name), settings={"command": command}, notes=(note,))


def _find_gitlab(given: ForeignText) -> Sign | None:
    if not given.has_keys("script") or "jobs" in given.top:
        return None
    jobs = _gitlab_jobs(given)
    if not jobs:
        return None
    is_known = any(key in given.top for key in _GITLAB_KEYS)
    is_known |= any(key in one for one in jobs.values() for key in _GITLAB_JOB)
    first = next(iter(jobs))
    place = given.key("stages") or given.key(first) or given.first_line()
    return Sign("a GitLab CI pipeline", place, "a key of a pipeline") if is_known else None


def _gitlab_jobs(given: ForeignText) -> dict[str, Mapping[str, Any]]:
    return {
        name: one
        for name, one in given.top.items()
        if isinstance(one, dict) and isinstance(one.get("script"), (str, list)) and name != "default"
    }


def _gitlab_job(given: ForeignText) -> Draft | None:
    jobs = _gitlab_jobs(given)
    name, job = next(((name, one) for name, one in jobs.items() if name[:1] != "."), next(iter(jobs.items())))
    before = texts_of(job.get("before_script") or given.top.get("before_script"))
    lines = [*before, *texts_of(job.get("script"))]
    variables = {**_scalars(given.top.get("variables")), **_scalars(job.get("variables"))}
    plain = {
        key: literal(value) for key, value in variables.items() if "$" not in value and key.isidentifier()
    }
    left_out = [
        f"`{key}`" for key in ("image", "rules", "only", "artifacts", "cache", "needs") if job.get(key)
    ]
    left_out += [f"`{key}`" for key in variables if key not in plain]
    if not lines:
        return None
    script = script_of("\n".join(lines), name=slug(name))
    unset = unset_variables("\n".join(lines), plain)
    labels = list(own_labels(texts_of(job.get("tags"))))  # of runners
    settings = {**present(runs_on=labels, env=plain, pass_env=unset), "shell": "bash", "run": script["run"]}
    note = "the schedule of a pipeline is in GitLab's settings; write it as `schedule`"
    return Draft(name=slug(name), settings=settings, left_out=left_out, notes=(note,))


def _scalars(given: object) -> dict[str, str]:
    return {key: text_of(one) for key, one in given.items()} if isinstance(given, dict) else {}


def _find_ansible(given: ForeignText) -> Sign | None:
    if not given.has_keys("hosts"):
        return None
    plays = [one for document in given.documents if isinstance(document, list) for one in maps(document)]
    is_known = any("hosts" in one and any(key in one for key in _PLAYS) for one in plays)
    return Sign("an Ansible playbook", given.first_line(), "a list of plays") if is_known else None


def _ansible_job(given: ForeignText) -> Draft | None:
    file = re.split(r"[/\\]", given.source.name)[-1]
    note = "a job can run the playbook, which stays as it is"
    name = slug(file.rpartition(".")[0] or file)
    return Draft(name=name, settings={"command": ["ansible-playbook", literal(file)]}, notes=(note,))


def _find_airflow(given: ForeignText) -> Sign | None:
    found = _AIRFLOW.search(given.text) if "airflow" in given.text else None
    return None if found is None else Sign("an Airflow DAG", found.span(), "an import of Airflow")


def _airflow_job(given: ForeignText) -> Draft | None:
    name = next((one[1] or one[2] for one in _DAG_ID.finditer(given.text)), "job")
    bash = _BASH.search(given.text)
    if bash is None or "{{" in bash[0]:
        return None
    when = next((one[1] for one in _DAG_SCHEDULE.finditer(given.text)), "")
    when = "" if when == "@once" else when
    settings = {**(schedules_of([when]) if when else {}), **script_of(bash[1] or bash[2], name=slug(name))}
    left_out = ["all tasks but the first"] if len(_BASH.findall(given.text)) > 1 else []
    left_out += invalid_schedule([when]) if when else []
    return Draft(name=slug(name), settings=settings, left_out=left_out)


COMPOSE: Final = Format("compose", _find_compose, _compose_job)
GITLAB: Final = Format("gitlab", _find_gitlab, _gitlab_job)
ANSIBLE: Final = Format("ansible", _find_ansible, _ansible_job)
AIRFLOW: Final = Format("airflow", _find_airflow, _airflow_job)
