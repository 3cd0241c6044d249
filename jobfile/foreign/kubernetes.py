"""Manifests of Kubernetes, and the workflows of Argo, which are written as such."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final  # a value of a manifest

from jobfile.foreign.draft import (
    Draft,
    docker_run,
    invalid_schedule,
    is_long,
    more,
    present,
    schedules_of,
    seconds,
    slug,
)
from jobfile.foreign.foreign_text import ForeignText, below, maps, text_of, texts_of
from jobfile.foreign.kind import Format, Sign

_ARGO: Final = ("Workflow", "CronWorkflow", "WorkflowTemplate", "ClusterWorkflowTemplate")
_KIND: Final = re.compile(r"""(?m)^["']?kind["']?:[ \t]*+["']?([A-Za-z]++)""")
_POLICIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "Allow": {"concurrency": {"limit": "none"}},
    "Forbid": {},
    "Replace": {"concurrency": {"on_overlap": "cancel_running"}},
}
MIN_START_DEADLINE: Final = 60
_LEFT_OUT: Final = ("volumes", "initContainers", "serviceAccountName", "nodeSelector", "securityContext")


def _find(given: ForeignText) -> Sign | None:
    if not given.has_keys("apiVersion", "kind"):
        return None
    objects = list(_objects(given))
    place = given.key("apiVersion") or given.first_line()
    label = "a key of Kubernetes"
    if not objects:
        kind = _KIND.search(given.text)
        is_template = kind is not None and given.key("apiVersion") is not None
        return Sign("a Kubernetes manifest", place, label) if is_template else None
    main = _main(objects)
    kind_ = text_of(main.get("kind"))
    is_argo = text_of(main.get("apiVersion")).startswith("argoproj.io/") and kind_ in _ARGO
    return Sign(f"{'an Argo' if is_argo else 'a Kubernetes'} {kind_[:40]}", place, label)


def _objects(given: ForeignText) -> Iterator[Mapping[str, Any]]:
    """The objects of a manifest, those of a list too."""
    for document in maps(list(given.documents)):
        if text_of(document.get("apiVersion")) and text_of(document.get("kind")):
            yield from maps(document.get("items")) if "items" in document else (document,)


def _main(objects: list[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The object with the first job, or the first object."""
    wanted = ("CronJob", "Job", *_ARGO)
    return next((one for one in objects if one.get("kind") in wanted), objects[0])


def _first_job(given: ForeignText) -> Draft | None:
    objects = list(_objects(given))
    main = _main(objects) if objects else {}
    name = text_of(below(main, "metadata", "name") or below(main, "metadata", "generateName")) or "job"
    match main.get("kind"):
        case "CronJob":
            return _of_cron_job(name, below(main, "spec"))
        case "Job":
            return _of_job(name, below(main, "spec"), {}, [])
        case kind if kind in _ARGO:
            return _of_workflow(name, below(main, "spec"))
        case _:
            return None


def _of_cron_job(name: str, spec: object) -> Draft | None:
    policy = text_of(below(spec, "concurrencyPolicy")) or "Allow"
    deadline = below(spec, "startingDeadlineSeconds")
    when = text_of(below(spec, "schedule"))
    settings = {
        **schedules_of([when]),
        **present(timezone=text_of(below(spec, "timeZone"))),
        **({"enabled": False} if below(spec, "suspend") is True else {}),
        **present(start_deadline=seconds(deadline, least=MIN_START_DEADLINE)),
        **_POLICIES.get(policy, {}),
    }
    return _of_job(name, below(spec, "jobTemplate", "spec"), settings, invalid_schedule([when]))


def _of_job(name: str, spec: object, settings: Mapping[str, Any], left_out: list[str]) -> Draft | None:
    pod = below(spec, "template", "spec")
    tries = below(spec, "backoffLimit")
    limits = {
        **present(timeout=seconds(below(spec, "activeDeadlineSeconds"))),
        **({"retry": tries + 1} if isinstance(tries, int) and 1 <= tries < 20 else {}),
        **present(kill_grace=seconds(below(pod, "terminationGracePeriodSeconds"))),
    }
    containers = maps(below(pod, "containers"))
    if not containers:
        return None
    left_out += [f"`{key}`" for key in _LEFT_OUT if below(pod, key)]
    left_out += more(len(containers) - 1, "container")
    return _in_a_container(name, containers[0], {**settings, **limits}, left_out)


def _in_a_container(
    name: str, container: Mapping[str, Any], settings: Mapping[str, Any], left_out: list[str]
) -> Draft | None:
    """The job that runs a container by docker, with its variables and its command."""
    image = text_of(container.get("image"))
    if not image:
        return None
    env, secrets = {}, {}
    for one in maps(container.get("env")):
        key = text_of(one.get("name"))
        if "value" in one:
            env[key] = text_of(one["value"])
        elif below(one, "valueFrom", "secretKeyRef") is not None:
            secrets[key] = f"env:{key}"
        else:
            left_out.append(f"`{key}`")
    left_out += [f"`{key}`" for key in ("envFrom", "resources", "volumeMounts") if container.get(key)]
    entry, *rest = texts_of(container.get("command")) or [""]
    words = [*rest, *texts_of(container.get("args"))]
    flags: list[str] = []
    notes = ["a job runs on the machine of the engine, so docker starts the image there"]
    if is_long("\n".join(words)) and entry.rpartition("/")[2] in ("sh", "bash"):
        file = f"{slug(name)}.sh"
        flags, words = ["--volume", f"./{file}:/{file}:ro"], [f"/{file}"]
        notes.append(f"save its script, which is long, as `{file}`")
    command = docker_run(image, words, flags=flags, env=[*env, *secrets], entry=entry)
    return Draft(
        name=slug(name),
        settings={**settings, **present(env=env, secrets=secrets), "command": command},
        left_out=left_out,
        notes=notes,
    )


def _of_workflow(name: str, spec: object) -> Draft | None:
    whens = texts_of(below(spec, "schedules")) or texts_of(below(spec, "schedule"))
    own = below(spec, "workflowSpec") or spec
    policy = text_of(below(spec, "concurrencyPolicy")) or "Allow"
    settings = {
        **schedules_of(whens),
        **present(timezone=text_of(below(spec, "timezone"))),
        **({"enabled": False} if below(spec, "suspend") is True else {}),
        **(_POLICIES.get(policy, {}) if whens else {}),
        **present(timeout=seconds(below(own, "activeDeadlineSeconds"))),
    }
    templates = maps(below(own, "templates"))
    work = [one for one in templates for key in ("container", "script") if isinstance(one.get(key), dict)]
    if not work or "{{" in str(work[0]):
        return None
    left_out = [*invalid_schedule(whens), *more(len(templates) - 1, "template")]
    script = work[0].get("script")
    if isinstance(script, dict):
        command = [*texts_of(below(script, "command")), "-c", text_of(below(script, "source"))]
        return _in_a_container(name, {**script, "command": command}, settings, left_out)
    return _in_a_container(name, work[0]["container"], settings, left_out)


KUBERNETES: Final = Format("kubernetes", _find, _first_job)
