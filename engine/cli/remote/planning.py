"""`plan` and `apply` with a server: the files are those here, what is in force is what the server says."""

from collections.abc import Collection, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final, NoReturn

import click

from engine.answers.choice import Choice
from engine.asking.place import Place
from engine.cli.plan_shown import PlanOptions, show_plan
from engine.cli.remote.asking import Remote, exit_code_of, mapping_of, pairs, say_notes, write_text
from engine.client.server import ServerError
from engine.core.errors import ErrorCode
from engine.planning.in_force import Standing
from engine.planning.in_force_json import (
    OtherMeaningError,
    facts_from_json,
    side_from_json,
    standing_from_json,
)
from engine.planning.saved import read_plan_file
from jobfile import __version__
from jobfile.diagnostics.escapes import printable
from jobfile.model.regex import regex
from jobfile.plan import JobFacts, Side

JOBS_AT_ONCE: Final = 25
"""About how many jobs the server is asked in one request: their names are in its address."""
_ID: Final = regex(r"[0-9a-f]{32}")
Tuple = tuple[str, ...]


class ServerInForce:
    """Implements `JobsInForce` for the engine of a server."""

    def __init__(self, remote: Remote) -> None:
        """Ask what is in force. Raises ServerError if nothing is recorded there."""
        self._remote = remote
        self._current, self._now = self._read()

    def now(self) -> datetime:
        return self._now

    def side(self, number: int | None = None) -> Side:
        return self._current if number is None else self._read(number)[0]

    def facts(self, jobs: Collection[str]) -> Mapping[str, JobFacts]:
        found: dict[str, JobFacts] = {}
        names = list(jobs)
        for first in range(0, len(names), JOBS_AT_ONCE):
            asked = pairs(job=names[first : first + JOBS_AT_ONCE])
            plain = mapping_of(self._remote.get("/plan/facts", asked))
            try:
                found |= facts_from_json(plain)
            except ValueError as error:
                _refuse_nonsense(error)
        return found

    def standing(self) -> Standing:
        try:
            return standing_from_json(mapping_of(self._remote.get("/plan/standing")))
        except ValueError as error:
            _refuse_nonsense(error)

    def _read(self, number: int | None = None) -> tuple[Side, datetime]:
        plain = mapping_of(self._remote.get("/plan/base", pairs(generation=number)))
        try:
            return side_from_json(plain)
        except OtherMeaningError as error:
            raise ServerError(
                f"the server runs jobfile {printable(str(error))}, which reads jobs differently from this "
                f"one, {__version__}; install that version here",
                code=ErrorCode.SERVER_REFUSED,
            ) from error
        except ValueError as error:
            _refuse_nonsense(error)


def _refuse_nonsense(error: ValueError) -> NoReturn:
    text = f"the server's answer does not say what is in force ({error}); look at the address"
    raise ServerError(text, code=ErrorCode.SERVER_REFUSED) from error


def in_force_there(remote: Remote) -> ServerInForce | None:
    """What the server's engine has in force; None if nothing is recorded there yet."""
    try:
        return ServerInForce(remote)
    except ServerError as error:
        if error.code is ErrorCode.NOTHING_RECORDED:
            return None
        raise


def plan(
    remote: Remote,
    *,
    file: str | None,
    jobs: Tuple,
    before: str | None,
    after: str,
    form: str,
    as_json: bool,
    is_full: bool,
    is_summary: bool,
    out: str | None,
    exits_on_changes: bool,
    fail_on: str | None,
    detect_drift: bool,
    links: str,
    instant: str | None,
    tags: Tuple,
    owners: Tuple,
) -> int:
    """`jobfile plan`."""
    if out is not None:
        raise click.UsageError(
            "a plan is saved with the key of the server's host, where it is applied; remove --out, or run it "
            "there"
        )
    options = PlanOptions(
        choice=Choice(tags=tags, owners=owners),
        jobs=jobs,
        before=before,
        after=after,
        form="json" if as_json else form,
        is_full=is_full,
        is_summary=is_summary,
        out=out,
        exits_on_changes=exits_on_changes,
        fail_on=fail_on,
        detects_drift=detect_drift,
        links=links,
        instant=instant,
    )

    place = Place.named(file, None, "")
    return show_plan(place, in_force_there(remote), options)


def apply(
    remote: Remote,
    *,
    plan_file: str | None,
    is_sure: bool,  # noqa: ARG001  a saved plan is applied without asking, as on the server's host
    revision: str | None,
    fail_on: str | None,
    may_remove: bool,
    why: str,
    is_strict: bool,  # noqa: ARG001  it is about job files here, and none is read
    as_json: bool,
) -> int:
    """`jobfile apply`, of a saved plan that waits on the server's host."""
    if plan_file is None or revision is not None:
        raise click.UsageError(
            "no job files are sent to a server: it applies a saved plan whose file is on its host; name that "
            "PLAN, or run `apply` there"
        )
    body = {"plan": _id_of(plan_file), "fail_on_risk": bool(fail_on), "remove_many": may_remove, "why": why}
    answer = remote.post("/plan/apply", body, as_json=as_json)
    say_notes(answer)
    write_text(answer.body)
    return exit_code_of(answer)


def _id_of(plan_file: str) -> str:
    """The id of a plan: of the file here, or as it was given."""
    path = Path(plan_file)
    if _ID.fullmatch(plan_file) and not path.exists():
        return plan_file
    return read_plan_file(path, here=None).id
