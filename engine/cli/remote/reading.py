"""The commands that read, asked of a server. Each takes the options of its command by their names there."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from engine.answers.choice import Choice
from engine.asking.choosing import refuse_choice_of_one
from engine.asking.logs import Options
from engine.cli.exit_codes import GOOD, NOT_WELL
from engine.cli.remote.asking import (
    Remote,
    exit_code_of,
    mapping_of,
    notes_of,
    pairs,
    printed,
    say_notes,
    write_text,
)
from engine.core.errors import WrongUsageError
from engine.core.vocabulary import place_text
from engine.host.new_files import write_below
from jobfile.diagnostics.escapes import printable
from jobfile.model.counts import many
from jobfile.schedule.duration import parse_duration

MAX_JOBS: Final = 1_000
"""How many jobs one answer lists."""
Tuple = tuple[str, ...]


def list_jobs(remote: Remote, *, tags: Tuple, owners: Tuple, given: Tuple, as_json: bool) -> int:
    """`jobfile list`."""
    query = pairs(tag=tags, owner=owners, **{"in": given}, limit=MAX_JOBS)
    answer = remote.get("/jobs", query, as_json=as_json)
    code = printed(answer, as_json=as_json)
    if "link" in answer.headers:
        click.echo(f"there are more than {MAX_JOBS:,} jobs; choose with --tag or --owner", err=True)
    return code


def did(
    remote: Remote,
    *,
    run_or_job: str,
    words: Tuple,
    given: Tuple,
    axes: Tuple,
    day: str | None,
    instant: str | None,
    as_json: bool,
) -> int:
    """`jobfile did`."""
    name, *rest = " ".join((run_or_job, *words)).split() or [""]
    time = " ".join(one for one in rest if "=" not in one)
    if time and (day or instant):
        raise WrongUsageError(f"'{time}' and {'--on' if day else '--at'} both name a time")
    params = (*given, *(one for one in rest if "=" in one))
    query = pairs(param=params, matrix=axes, on=day, at=instant, time=time or None)
    return remote.show_of(name, "/did", query, as_json=as_json)


def why(remote: Remote, *, run_or_job: str, time: Tuple, as_json: bool) -> int:
    """`jobfile why`."""
    return remote.show_of(run_or_job, "/why", pairs(at=" ".join(time) or None), as_json=as_json)


def status(remote: Remote, *, as_json: bool) -> int:
    """`jobfile status`."""
    return remote.show("/status", as_json=as_json)


def doctor(remote: Remote, *, as_json: bool) -> int:
    """`jobfile doctor`, of the server's host."""
    return remote.show("/doctor", as_json=as_json)


def clock(remote: Remote, *, what: str | None, why: str, as_json: bool) -> int:
    """`jobfile clock`."""
    if what is not None or why:
        raise click.UsageError("`clock accept` works on the server's host only; run it there")
    return remote.show("/clock", as_json=as_json)


def hosts(
    remote: Remote, *, action: str | None, host: str | None, waits: bool, why: str, as_json: bool
) -> int:
    """`jobfile hosts`, and what drains or resumes a host."""
    if (action is None) != (host is None):
        raise click.UsageError("name one HOST:  jobfile hosts drain HOST")
    if action is None and why:
        raise click.UsageError("--why is for  hosts drain  and  hosts resume")
    if waits:
        raise click.UsageError("--wait works on a host of the ledger only; remove it, or --server")
    if host is None:
        return remote.show("/hosts", as_json=as_json)
    answer = remote.post(f"/hosts/{action}", {"host": host, "why": why}, as_json=as_json, is_safe=True)
    return printed(answer, as_json=as_json)


def generations(remote: Remote, *, limit: int, as_json: bool) -> int:
    """`jobfile generations`."""
    return remote.show("/generations", pairs(limit=limit), as_json=as_json)


def audit(remote: Remote, *, what: str | None, noted: str | None, limit: int, as_json: bool) -> int:
    """`jobfile audit`."""
    if what:
        return remote.show("/audit/verify", pairs(head=noted), as_json=as_json)
    if noted is not None:
        raise click.UsageError("--head is for  jobfile audit verify")
    return remote.show("/audit", pairs(limit=limit), as_json=as_json)


def runs(
    remote: Remote,
    *,
    run_or_job: str | None,
    since: str | None,
    until: str | None,
    tags: Tuple,
    owners: Tuple,
    given: Tuple,
    not_ok: bool,
    limit: int,
    as_json: bool,
) -> int:
    """`jobfile runs`."""
    refuse_choice_of_one(run_or_job, Choice(tags=tags, owners=owners))
    has_window = bool(since or until or tags or owners)
    query = pairs(
        since=since,
        until=until,
        tag=tags,
        owner=owners,
        **{"in": given},
        not_ok=not_ok,
        limit=limit,
        order=None if has_window else "recorded",
    )
    if run_or_job is None:
        return remote.show("/runs", query, as_json=as_json)
    return remote.show("/runs", [*query, ("run", run_or_job)], as_json=as_json)


def report(
    remote: Remote,
    *,
    jobs: Tuple,
    since: str | None,
    until: str | None,
    day: str | None,
    axes: Tuple,
    form: str,
    compares: bool,
    as_json: bool,
    tags: Tuple,
    owners: Tuple,
) -> int:
    """`jobfile report`."""
    form = "json" if as_json else form
    if compares and form == "junit":
        raise click.UsageError("JUnit XML has no place for a second period; remove --compare")
    query = pairs(
        job=jobs, since=since, until=until, on=day, matrix=axes, compare=compares, tag=tags, owner=owners
    )
    query += [] if form == "json" else pairs(format=form)
    answer = remote.get("/report", query, as_json=form == "json")
    write_text(answer.body)
    say_notes(answer)
    return exit_code_of(answer)


def coming(
    remote: Remote,
    *,
    what: str | None,
    zone_name: str | None,
    start: str | None,
    end: str | None,
    limit: int | None,
    tags: Tuple,
    owners: Tuple,
    as_json: bool,
) -> int:
    """`jobfile next`."""
    is_expression = what is not None and (" " in what.strip() or what.startswith("@") or parse_duration(what))
    if is_expression or zone_name is not None:
        raise click.UsageError("an expression and its zone need no server; remove --server")
    refuse_choice_of_one(what, Choice(tags=tags, owners=owners))
    query = [*pairs(until=end, limit=limit, tag=tags, owner=owners), *pairs(**{"from": start})]
    if what is None:
        return remote.show("/next", query, as_json=as_json)
    return remote.show_of(what, "/next", query, as_json=as_json)


def show(remote: Remote, *, job: str, given: Tuple, graph_form: str | None, as_json: bool) -> int:
    """`jobfile show`."""
    if given or graph_form:
        raise click.UsageError("--set and --graph work on the server's host only; remove them, or --server")
    return printed(remote.get_definition(job, as_json=as_json), as_json=as_json)


def outputs(remote: Remote, *, run_or_job: str, time: str | None, axes: Tuple, as_json: bool) -> int:
    """`jobfile outputs`."""
    return remote.show_of(run_or_job, "/outputs", pairs(at=time, matrix=axes), as_json=as_json)


def artifacts(
    remote: Remote,
    *,
    run_or_job: str,
    pattern: str,
    folder: Path | None,
    time: str | None,
    axes: Tuple,
    as_json: bool,
) -> int:
    """`jobfile artifacts`."""
    query = pairs(at=time, matrix=axes, pattern=pattern or None)
    if folder is None:
        return remote.show_of(run_or_job, "/artifacts", query, as_json=as_json)
    if as_json:
        raise click.UsageError("--to writes files and --json prints the list; use one of them")
    found = mapping_of(remote.get_of(run_or_job, "/artifacts", query))
    wanted = {one["name"]: one for one in found["artifacts"] if one["is_kept"]}
    if not wanted:
        remote.show_of(run_or_job, "/artifacts", query, as_json=False)
        return NOT_WELL
    # The address of a file is its place in the list of all.
    every = mapping_of(remote.get(f"/runs/{found['run']}/artifacts"))["artifacts"]
    chosen = [(number, one) for number, one in enumerate(every, start=1) if one in wanted.values()]
    return _write(remote, str(found["run"]), chosen, folder)


def _write(remote: Remote, run: str, chosen: Sequence[tuple[int, Any]], folder: Path) -> int:
    troubles = []
    for number, one in chosen:
        try:
            with remote.connection.stream(f"/runs/{run}/artifacts/{number}") as parts:
                write_below(folder, one["name"], _verified(parts, one))
        except OSError as error:
            troubles.append(f"{one['name']} cannot be written: {error.strerror or error}")
    click.echo(f"{many(len(chosen) - len(troubles), 'file')} written to {folder}")
    for trouble in troubles:
        click.echo(printable(trouble), err=True)
    return NOT_WELL if troubles else GOOD


def _verified(parts: Iterator[bytes], one: Any) -> Iterator[bytes]:  # noqa: ANN401  JSON data
    """The content; raises OSError at its end if it is not what was kept."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
        yield part
    if digest.hexdigest() != one["sha256"]:
        raise OSError("the received file does not have the recorded SHA-256")


def logs(
    remote: Remote,
    *,
    run_or_job: str,
    step: str | None,
    is_followed: bool,
    tail: int | None,
    since: str | None,
    time: str | None,
    axes: Tuple,
    attempt: int | None,
    as_json: bool,
) -> int:
    """`jobfile logs`."""
    if since is not None:
        raise click.UsageError("--since works on the server's host only; name a RUN, or add --at TIME")
    query = pairs(at=time, matrix=axes, step=step, attempt=attempt)
    if as_json:
        lines = "all" if tail is None else str(max(1, tail))
        return remote.show_of(run_or_job, "/logs", [*query, ("tail", lines)], as_json=True)
    answer = remote.get_of(run_or_job, "/logs", [*query, ("tail", str(max(1, tail or 1)))])
    about, *why_none = notes_of(answer)
    click.echo(about, err=True)
    found = mapping_of(answer)
    if is_followed:
        from engine.cli.remote.following import follow_logs  # noqa: PLC0415  start-up time

        follow_logs(remote, str(found["run"]), Options(step, attempt, tail, is_followed=True))
        after = remote.get(f"/runs/{found['run']}/logs", pairs(step=step, attempt=attempt, tail=1))
        why_none = [] if tail == 0 else notes_of(after)[1:]
        for text in why_none:
            click.echo(text, err=True)
        return GOOD
    if tail == 0:
        return GOOD
    for one in found["attempts"]:
        if len(found["attempts"]) > 1:
            click.echo(f"--- {_name_of(one)} ---")
        if tail is not None:
            write_text(str(one["output"]).encode())
            continue
        given = pairs(attempt=one["number"], step=one["step"], item=one["item"])
        with remote.connection.stream(f"/runs/{found['run']}/output", given) as parts:
            write_text(b"".join(parts))
    for text in why_none:
        click.echo(text, err=True)
    return GOOD


def _name_of(one: Any) -> str:  # noqa: ANN401  JSON data
    if not one["step"]:
        return f"attempt {one['number']}"
    number = f", attempt {one['number']}" if one["number"] > 1 else ""
    return f"{place_text(str(one['step']), one['item'] or 0)}{number}"
