"""Plans in files: what was reviewed, bound to the ledger and the generation that it was made for.

A plan contains the complete set of jobs that it leads to, so that exactly what was reviewed is applied. It
contains no secret, because jobs only name the places of secrets.
"""

import json
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.core.errors import ErrorCode, JobfileError, NothingRecordedError, UnreadableFileError
from engine.host.atomic_write import write_private
from engine.host.keys import KEY, find_key
from engine.ledger.ports import Generations
from engine.planning.sealing import is_seal_of, seal_of
from engine.sources.file_reader import NoFileError, read_limited
from jobfile import __version__
from jobfile.compile.again import find_foreign
from jobfile.diagnostics.diagnostic import Severity
from jobfile.model.canonical import VERSION as CANONICAL
from jobfile.model.canonical import Plain, canonical_json, spec_from_json, to_plain
from jobfile.model.catalog import Catalog, CompiledJob, build_catalog
from jobfile.model.dataclass import dataclass
from jobfile.model.jobs import Origin
from jobfile.plan import Plan
from jobfile.plan.as_json import to_json
from jobfile.schedule.cron import CRON_SEMANTICS_VERSION

KIND = "jobfile plan"
LANGUAGE = 1
"""The version of the language in which the jobs of a plan are written: `version:` of job files."""
MAX_BYTES = 64 * 1024 * 1024
"""Maximum size of a plan's file: four times that of all job files together."""
MAX_VALUES = 4_000_000
"""Maximum number of values in a plan that was not saved here: a bound
on the memory that a hostile one can take.
"""
_START = 4096
_WHAT = "saved plan"
_SECRETS = "JF605"
_SEALED = re.compile(rb'\{"seal":"([0-9a-f]{64})",')
"""The beginning of a plan. The seal is of the rest, with a brace before it."""
_NONSENSE = (KeyError, TypeError, ValueError, AttributeError, AssertionError, RecursionError, OverflowError)
"""The exceptions that invalid plans raise while they are read."""


class PlanRefusedError(JobfileError):
    """A plan that cannot be applied: stale, used, edited or foreign."""

    code = ErrorCode.PLAN_REFUSED


class NoBaseError(NothingRecordedError):
    """There is nothing to compare with: neither a ledger of an engine nor git."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """The identity of a ledger, and the key that seals its plans; None if it has none."""

    lineage: str
    key: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedPlan:
    """The content of a plan's file; `files` are names and digests, `text` is the plan as text.

    `is_sealed`: the seal proves that it is unchanged since it was saved here. Otherwise it was made
    elsewhere.
    """

    is_sealed: bool
    id: str
    lineage: str
    generation: int
    revision: str
    main_file: str
    files: Mapping[str, str]
    target: Catalog
    plan: Plain
    text: str


def ledger_here(view: Generations | None, state_dir: Path) -> Ledger | None:
    """The ledger for which a plan may have been made; None if there is none."""
    return None if view is None else Ledger(lineage=view.lineage(), key=find_key(state_dir))


def write_plan_file(path: Path, plan: Plan, *, key: bytes, main_file: Path, text: str) -> str:
    """Write a sealed plan for `apply`; return its id."""
    _refuse_secrets(plan)
    _refuse_foreign(plan)
    plan_id = secrets.token_hex(16)
    content: Plain = {
        "kind": KIND,
        "id": plan_id,
        "jobfile": __version__,
        "language": LANGUAGE,
        "canonical": CANONICAL,
        "cron_semantics": CRON_SEMANTICS_VERSION,
        "main_file": str(main_file),
        "plan": to_json(plan, version=__version__),
        "target": [
            {"file": one.origin.file, "line": one.origin.line, "spec": to_plain(one.spec)}
            for one in plan.after.catalog.jobs
        ],
        "text": text,
    }
    body = canonical_json(content)
    text = f'{{"seal":"{seal_of(body.encode(), key)}",{body[1:]}'
    write_private(path, text.encode(errors="backslashreplace"))
    return plan_id


def is_plan_file(path: Path) -> bool:
    """Whether a file looks like a saved plan, complete or not."""
    try:
        start = read_limited(path, most=_START, what=_WHAT)
    except OSError:
        return False
    return start.startswith(b"{") and (b'"seal":' in start[:64] or b'"cron_semantics":' in start)


def read_plan_file(path: Path, *, here: Ledger | None) -> SavedPlan:
    """The plan in a file. Raises PlanRefusedError when it is not a plan, or was changed after it was saved.

    `here` is the ledger that may have sealed it. A plan for a different ledger cannot be checked for changes:
    then `is_sealed` is false.
    """
    try:
        raw = read_limited(path, most=MAX_BYTES, what=_WHAT)
    except NoFileError as error:
        raise PlanRefusedError(f"{path} is refused: {error.strerror}") from error
    except OSError as error:
        raise UnreadableFileError(f"cannot read {path}: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise PlanRefusedError(f"{path} is too large for a plan, which has at most {MAX_BYTES:,} bytes")
    start = _SEALED.match(raw)
    if start is None:
        raise _changed(path)
    body = b"{" + raw[start.end() :]
    is_whole = here is not None and here.key is not None and is_seal_of(start[1].decode(), body, here.key)
    if not is_whole and body.count(b",") > MAX_VALUES:
        raise _changed(path)
    try:
        content = json.loads(body)
        lineage = str(content["plan"]["from"]["lineage"])
    except _NONSENSE as error:
        raise _changed(path) from error
    if here is not None and here.lineage == lineage and not is_whole:
        raise _changed(path) if here.key is not None else _without_key(path)
    versions = [content.get(one) for one in ("kind", "language", "canonical", "cron_semantics")]
    if versions != [KIND, LANGUAGE, CANONICAL, CRON_SEMANTICS_VERSION]:
        raise PlanRefusedError(
            f"{path} was made by a version of jobfile that reads job files differently from this one, "
            f"{__version__}: make it again with  jobfile plan --out"
        )
    try:
        return _read(content, is_sealed=is_whole)
    except _NONSENSE as error:
        raise _changed(path) from error


def _changed(path: Path) -> PlanRefusedError:
    return PlanRefusedError(
        f"{path} is not a plan as it was saved here: it was changed after it was made, or cut off, or it was "
        "never a plan, or the key of the state folder was replaced. So it may differ from what was reviewed; "
        "make it again:  jobfile plan --out"
    )


def _without_key(path: Path) -> PlanRefusedError:
    return PlanRefusedError(
        f"the key that sealed {path}, {KEY} in the state folder, no longer exists, so changes to the plan "
        "cannot be detected; make the plan again here:  jobfile plan --out"
    )


def _read(content: dict[str, Any], *, is_sealed: bool) -> SavedPlan:
    plan = content["plan"]
    target = build_catalog(
        CompiledJob(
            spec_from_json(canonical_json(one["spec"])), Origin(file=str(one["file"]), line=int(one["line"]))
        )
        for one in content["target"]
    )
    if target.digest != plan["to"]["sha256"]:
        raise ValueError("the target is not the set of jobs that the plan leads to")
    if [one["spec"] for one in content["target"]] != [to_plain(one.spec) for one in target.jobs]:
        raise ValueError("a job of the target has keys or values that no job file gives it")
    for problem in find_foreign([one.spec for one in target.jobs]):
        raise ValueError(problem)
    return SavedPlan(
        is_sealed=is_sealed,
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


def refuse_without_ledger(plan: Plan) -> None:
    """Raise if a plan does not start from what is in force: it could not be applied."""
    if not plan.before.lineage:
        raise NoBaseError("only a plan from what is in force can be saved for apply:  jobfile plan --out")


def _refuse_secrets(plan: Plan) -> None:
    """Refuse to save a job with what looks like a secret: a plan is passed on to others."""
    found = [
        one
        for one in plan.after.diagnostics
        if one.code == _SECRETS and one.suppressed is None and one.severity is not Severity.INFO
    ]
    if found:
        first = found[0]
        raise JobfileError(
            f"not saved: {first.file}:{first.span.start.line} holds what looks like a secret in plain text "
            f"[{_SECRETS}], and the plan's file would hold it too. Name its place under `secrets`, or if it "
            f"is not a secret, add the comment:  # jobfile: allow {_SECRETS} REASON"
        )


def _refuse_foreign(plan: Plan) -> None:
    """Refuse jobs of an old generation that this version would compile differently."""
    for problem in find_foreign([one.spec for one in plan.after.catalog.jobs]):
        raise JobfileError(f"not saved: {problem}, as this jobfile reads it; apply the job files again first")
