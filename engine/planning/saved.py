"""A plan in a file: what was reviewed, bound to the ledger and the generation it was made against.

It holds the whole set of jobs that it leads to, so that what is applied is what was looked at; and no secret,
as jobs name the places of secrets only.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.adapters.reading import read_limited
from engine.errors import JobfileError
from jobfile import __version__
from jobfile.canonical import Plain, canonical_json, spec_from_json, to_plain
from jobfile.catalog import Catalog, CompiledJob, build_catalog
from jobfile.cron import CRON_SEMANTICS_VERSION
from jobfile.diagnostic import Severity
from jobfile.model import Origin
from jobfile.plan import Plan
from jobfile.plan.as_json import digest_of, to_json

KIND = "jobfile plan"
LANGUAGE = 1
"""The version of the language whose meanings a plan holds: `version:` of the files."""
MODE = 0o600
MAX_BYTES = 256 * 1024 * 1024
_START = 4096
_WHAT = "saved plan"
_SECRETS = "JF605"


class PlanRefusedError(JobfileError):
    """A plan that cannot be applied any more, or never could: stale, used, edited, foreign."""

    exit_code = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """What a plan's file says; `files` are names and digests, `text` what people read."""

    id: str
    lineage: str
    generation: int
    revision: str
    main_file: str
    files: Mapping[str, str]
    target: Catalog
    plan: Plain
    text: str


def write_plan_file(path: Path, plan: Plan, *, main_file: Path, text: str) -> str:
    """Write a plan for `apply`; returns its id."""
    if not plan.before.lineage:
        error = JobfileError("only a plan from what is in force can be saved for apply:  jobfile plan --out")
        error.exit_code = 5
        raise error
    _refuse_secrets(plan)
    plan_id = secrets.token_hex(16)
    content: Plain = {
        "kind": KIND,
        "id": plan_id,
        "jobfile": __version__,
        "language": LANGUAGE,
        "cron_semantics": CRON_SEMANTICS_VERSION,
        "main_file": str(main_file),
        "plan": to_json(plan, version=__version__),
        "target": [
            {"file": one.origin.file, "line": one.origin.line, "spec": to_plain(one.spec)}
            for one in plan.after.catalog.jobs
        ],
        "text": text,
    }
    content["sha256"] = digest_of(content)
    _write(path, canonical_json(content))
    return plan_id


def is_plan_file(path: Path) -> bool:
    """Whether a file looks like a saved plan, whole or not."""
    try:
        start = read_limited(path, most=_START, what=_WHAT)
    except OSError:
        return False
    return start.startswith(b"{") and b'"cron_semantics":' in start[:64]


def read_plan_file(path: Path) -> SavedPlan:
    """The plan in a file; raises PlanRefusedError with the reason when there is none that can be trusted."""
    try:
        data = read_limited(path, most=MAX_BYTES, what=_WHAT)
        if len(data) > MAX_BYTES:
            raise PlanRefusedError(f"{path} is too large for a plan")
        content = json.loads(data)
    except OSError as error:
        raise JobfileError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise PlanRefusedError(f"{path} is no plan, or a part of one: make it again") from error
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise PlanRefusedError(f"{path} is not a plan of jobfile")
    said = content.pop("sha256", "")
    if digest_of(content) != said:
        raise PlanRefusedError(
            f"{path} was changed after it was made, so it is not what was reviewed: make it again with  "
            "jobfile plan --out"
        )
    versions = (content.get("language"), content.get("cron_semantics"))
    if versions != (LANGUAGE, CRON_SEMANTICS_VERSION):
        raise PlanRefusedError(
            f"{path} was made by jobfile {content.get('jobfile')}, which reads job files in another way; "
            f"this is {__version__}: make it again"
        )
    try:
        return _read(content)
    except (KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise PlanRefusedError(f"{path} is not a whole plan: make it again") from error


def _read(content: dict[str, Any]) -> SavedPlan:
    plan = content["plan"]
    target = build_catalog(
        CompiledJob(
            spec_from_json(canonical_json(one["spec"])), Origin(file=str(one["file"]), line=int(one["line"]))
        )
        for one in content["target"]
    )
    if target.digest != plan["to"]["sha256"]:
        raise ValueError("the target is not that of the plan")
    return SavedPlan(
        id=str(content["id"]),
        lineage=str(plan["from"]["lineage"]),
        generation=int(plan["from"]["generation"]),
        revision=str(plan["to"]["rev"] or ""),
        main_file=str(content["main_file"]),
        files={one["path"]: one["sha256"] for one in plan["to"]["files"]},
        target=target,
        plan=plan,
        text=str(content["text"]),
    )


def _refuse_secrets(plan: Plan) -> None:
    """A plan goes from hand to hand; what looks like a secret in a job would go with it."""
    found = [
        one
        for one in plan.after.diagnostics
        if one.code == _SECRETS and one.suppressed is None and one.severity is not Severity.INFO
    ]
    if found:
        first = found[0]
        raise JobfileError(
            f"not saved: {first.file}:{first.span.start.line} holds what looks like a secret in plain text "
            f"[{_SECRETS}], and the plan's file would hold it too. Name its place under `secrets`, or say "
            f"that it is none:  # jobfile: allow {_SECRETS} REASON"
        )


def _write(path: Path, text: str) -> None:
    """Whole or not at all, readable by its owner alone."""
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise JobfileError(f"cannot write {path}: {error.strerror or error}") from error
