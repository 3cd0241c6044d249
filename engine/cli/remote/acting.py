"""The commands that change something, asked of a server."""

from collections.abc import Mapping

import click

from engine.answers.choice import Choice
from engine.asking.axes import split_axes
from engine.asking.params import split_params
from engine.asking.times import parse_length
from engine.cli.output import print_json
from engine.cli.pausing import refuse_unclear_choice
from engine.cli.remote.asking import (
    Remote,
    exit_code_of,
    is_run,
    job_path,
    mapping_of,
    printed,
    run_path,
    say_notes,
    write_text,
)
from engine.cli.remote.following import follow, runs_in
from engine.cli.requests import refuse_contradictions
from engine.client.http import Answer

Tuple = tuple[str, ...]
_SEVERAL = "choosing several works on the server's host only; name one, or remove --server"


def run(
    remote: Remote,
    *,
    job: str,
    given: Tuple,
    axes: Tuple,
    instant: str | None,
    outputs: Tuple,
    why: str,
    key: str | None,
    detach: bool,
    is_waiting: bool,
    is_dry: bool,
    is_strict: bool,
    as_json: bool,
) -> int:
    """`jobfile run`."""
    refuse_contradictions(outputs, key, is_dry=is_dry, detach=detach, is_waiting=is_waiting)
    if is_dry or not is_strict:
        raise click.UsageError(
            "--dry-run and --no-strict-modes need the files on this machine; remove them, or --server"
        )
    body: dict[str, object] = {"texts": split_params(given), "matrix": split_axes(axes), "why": why}
    body |= {} if instant is None else {"at": instant}
    body |= {} if key is None else {"key": key}
    path, is_safe = job_path(job, "/runs"), key is not None
    if detach:
        answer = remote.post(path, body, as_json=as_json, is_safe=is_safe)
        say_notes(answer)
        write_text(answer.body)
        return exit_code_of(answer)
    return _followed(
        remote, remote.post(path, body, is_safe=is_safe), as_json=as_json, shows_output=not is_waiting
    )


def retry(
    remote: Remote,
    *,
    run: str | None,
    time: str | None,
    axes: Tuple,
    is_many: bool,
    since: str | None,
    until: str | None,
    tags: Tuple,
    owners: Tuple,
    is_dry: bool,
    is_sure: bool,
    detach: bool,
    force: bool,
    only_failed: bool,
    is_current: bool,
    why: str,
    as_json: bool,
) -> int:
    """`jobfile retry`, of one run."""
    if is_many or since or until or tags or owners or is_dry or is_sure:
        raise click.UsageError(_SEVERAL)
    if run is None:
        raise click.UsageError("name one RUN")
    if time is not None or axes:
        found = mapping_of(remote.get_of(run, "/logs", [*_which(time, axes), ("tail", "1")]))
        run = str(found["run"])
    elif not is_run(run):
        raise click.UsageError(f"which run of {run}? Add --at TIME, or name a run:  jobfile runs {run}")
    body = {"force": force, "all_steps": not only_failed, "original": not is_current, "why": why}
    path = run_path(run, "/retry")
    if detach:
        answer = remote.post(path, body, as_json=as_json)
        say_notes(answer)
        write_text(answer.body)
        return exit_code_of(answer)
    return _followed(remote, remote.post(path, body), as_json=as_json, shows_output=True)


def _which(time: str | None, axes: Tuple) -> list[tuple[str, str]]:
    at = [] if time is None else [("at", time)]
    return [*at, *(("matrix", one) for one in axes)]


def _followed(remote: Remote, answer: Answer, *, as_json: bool, shows_output: bool) -> int:
    """Follow the runs of a request to their ends."""
    say_notes(answer)
    plain = mapping_of(answer)
    ended = follow(
        remote,
        [str(one["id"]) for one in runs_in(answer)],
        is_ours=not plain["duplicate"],
        is_quiet=as_json,
        shows_output=shows_output,
        to_stderr=as_json,
    )
    if as_json:
        print_json({**mapping_of(ended), "duplicate": plain["duplicate"]})
    return exit_code_of(ended)


def wait(remote: Remote, *, runs: Tuple, length: str | None, as_json: bool) -> int:
    """`jobfile wait`."""
    duration = parse_length(length, of="--timeout") if length else None
    seconds = float("inf") if duration is None else duration.total_seconds()
    names = list(dict.fromkeys(run_path(one).removeprefix("/runs/") for one in runs))
    ended = follow(
        remote, names, is_ours=False, is_quiet=as_json, shows_output=False, seconds=seconds, together=False
    )
    if as_json:
        write_text(ended.body)
    return exit_code_of(ended)


def cancel(
    remote: Remote,
    *,
    run: str | None,
    jobs: Tuple,
    tags: Tuple,
    owners: Tuple,
    is_queued: bool,
    is_all: bool,
    kill: bool,
    is_dry: bool,
    is_sure: bool,
    why: str,
    as_json: bool,
) -> int:
    """`jobfile cancel`, of one run."""
    if jobs or tags or owners or is_queued or is_all or is_dry or is_sure:
        raise click.UsageError(_SEVERAL)
    if run is None:
        raise click.UsageError("name one RUN")
    body = {"kill": kill, "why": why}
    return printed(
        remote.post(run_path(run, "/cancel"), body, as_json=as_json, is_safe=True), as_json=as_json
    )


def pause(
    remote: Remote,
    *,
    job: str | None,
    tags: Tuple,
    owners: Tuple,
    is_all: bool,
    why: str,
    until: str | None,
    is_sure: bool,
    as_json: bool,
) -> int:
    """`jobfile pause`, of one job."""
    name = _one_job(job, tags, owners, is_all=is_all, is_sure=is_sure)
    body = {"why": why, **({} if until is None else {"until": until})}
    return _changed(remote, name, "/pause", body, as_json=as_json)


def resume(
    remote: Remote,
    *,
    job: str | None,
    tags: Tuple,
    owners: Tuple,
    is_all: bool,
    is_sure: bool,
    why: str,
    as_json: bool,
) -> int:
    """`jobfile resume`, of one job."""
    name = _one_job(job, tags, owners, is_all=is_all, is_sure=is_sure)
    return _changed(remote, name, "/resume", {"why": why}, as_json=as_json)


def _one_job(job: str | None, tags: Tuple, owners: Tuple, *, is_all: bool, is_sure: bool) -> str:
    refuse_unclear_choice(job, Choice(tags=tags, owners=owners), is_all=is_all, is_sure=is_sure)
    if job is None:
        raise click.UsageError(_SEVERAL)
    return job


def _changed(remote: Remote, job: str, rest: str, body: Mapping[str, object], *, as_json: bool) -> int:
    answer = remote.post(job_path(job, rest), body, as_json=as_json, is_safe=True)
    return printed(answer, as_json=as_json)
