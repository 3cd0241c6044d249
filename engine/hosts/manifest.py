"""The Kubernetes Job of one attempt: `jobfile attempt` in a pod that is made from the operator's template."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from engine.core.errors import WrongUsageError
from engine.core.hosts import Offer
from engine.core.lifecycle import AttemptKey
from jobfile.diagnostics.source import Source
from jobfile.model.hashing import sha256
from jobfile.model.regex import regex
from jobfile.syntax.document import parse_document

PREFIX: Final = "jobfile"
"""The prefix of labels: those of Jobs, and those of nodes that `runs_on` names."""
CONTAINER: Final = "jobfile"
"""The name of the container that executes the attempt; without it, the first one does."""
COMMAND: Final = ("jobfile", "attempt")
"""The start of its arguments, unless the template has others."""
KEPT_SECONDS: Final = 3_600
"""How long Kubernetes keeps a Job that is over, with its pod and the pod's output."""
STEP_DIGITS: Final = 10
MAX_VALUE: Final = 63
"""Maximum length of the value of a label."""
_UNFIT: Final = regex(r"[^A-Za-z0-9_.-]")
_ENDS: Final = "-_."
Manifest = dict[str, Any]


def job_name(attempt: AttemptKey) -> str:
    """The name of an attempt's Job: each attempt has one, and no other attempt has it."""
    place = f"{attempt.step}.{attempt.item}" if attempt.step else ""
    step = f"{sha256(place.encode()).hexdigest()[:STEP_DIGITS]}-" if place else ""
    return f"jf-{attempt.run_id}-{step}{attempt.number}"


def arguments(attempt: AttemptKey) -> list[str]:
    """What `jobfile attempt` gets."""
    step = ["--step", attempt.step] if attempt.step else []
    item = ["--item", str(attempt.item)] if attempt.item else []
    return [attempt.run_id, str(attempt.number), *step, *item]


def job_manifest(offer: Offer, template: Manifest) -> Manifest:
    """The Job of an attempt, with a template of its pod."""
    attempt = offer.attempt
    labels = {
        "app.kubernetes.io/name": "jobfile-attempt",
        f"{PREFIX}/run": attempt.run_id,
        f"{PREFIX}/number": str(attempt.number),
        **({f"{PREFIX}/job": value} if (value := _value(offer.job)) else {}),
    }
    about = {
        f"{PREFIX}/job": offer.job,
        **({f"{PREFIX}/step": attempt.step} if attempt.step else {}),
        **({f"{PREFIX}/item": str(attempt.item)} if attempt.item else {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(attempt), "labels": labels, "annotations": about},
        "spec": {
            "parallelism": 1,
            "completions": 1,
            "backoffLimit": 0,  # the ledger decides what is repeated
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": _pod(offer, template, labels),
        },
    }


def _pod(offer: Offer, template: Manifest, labels: Mapping[str, str]) -> Manifest:
    metadata = template.get("metadata") or {}
    spec = template["spec"]
    index = _own_container(spec["containers"])
    containers = [dict(one) for one in spec["containers"]]
    given = containers[index].get("args") or COMMAND
    containers[index]["args"] = [*given, *arguments(offer.attempt)]
    nodes = {f"{PREFIX}/{label}": "true" for label in offer.needs}
    selector = {**(spec.get("nodeSelector") or {}), **nodes}
    return {
        **{key: value for key, value in template.items() if key not in ("metadata", "spec")},
        "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}},
        "spec": {
            **spec,
            "containers": containers,
            "restartPolicy": "Never",
            **({"nodeSelector": selector} if selector else {}),
        },
    }


def _own_container(containers: Sequence[Manifest]) -> int:
    return next((at for at, one in enumerate(containers) if one.get("name") == CONTAINER), 0)


def _value(text: str) -> str:
    """A text as the value of a label: in Kubernetes, a value has at most 63 plain characters."""
    return _UNFIT.sub("_", text)[:MAX_VALUE].strip(_ENDS)


def read_template(name: str, text: str) -> Manifest:
    """A template of a pod, as in the `template` of a Deployment. Raises WrongUsageError if it is not one."""
    document, problems = parse_document(Source(name, text))
    if document is None:
        why = problems[0].message if problems else "it is not a map"
        raise WrongUsageError(f"the template of pods {name} is not valid: {why}")
    tree = document.tree
    if not _is_pod(tree):
        raise WrongUsageError(
            f"the template of pods {name} has no `spec` with `containers` that each have an `image`, or a "
            "part of it is not a map or a list as it should be; see  jobfile export kubernetes"
        )
    return tree


def _is_pod(tree: Manifest) -> bool:
    """Whether the parts of a template that are read here have the right shape; the cluster checks all."""
    spec, metadata = tree.get("spec"), tree.get("metadata") or {}
    if not isinstance(spec, dict) or not isinstance(metadata, dict):
        return False
    maps = (metadata.get("labels") or {}, spec.get("nodeSelector") or {})
    containers = spec.get("containers")
    if not all(isinstance(one, dict) for one in maps) or not isinstance(containers, list) or not containers:
        return False
    return all(
        isinstance(one, dict) and one.get("image") and isinstance(one.get("args") or [], list)
        for one in containers
    )
