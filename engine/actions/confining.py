"""The user, the priorities and the limits of a job's process, and whether this machine can hold them."""

import os
from collections.abc import Iterator, Mapping
from typing import Final

from engine.actions.kind import CannotStartError
from engine.core.confinement import Account, Confinement
from engine.core.reasons import Reason
from engine.host.accounts import (
    BECOME,
    find_account,
    hard_limit,
    may_become_others,
    may_have_nice,
)
from engine.host.patience import NoAnswerError, ask
from engine.supervisor import groups
from engine.supervisor.confinement import CONTROLLERS, rlimit_of
from jobfile.model.jobs import JobSpec, LimitsSpec
from jobfile.model.size import parse_size

WHERE_SET: Final = {"open_files": "ulimit -H -n, LimitNOFILE=", "processes": "ulimit -H -u, LimitNPROC="}
"""Where the engine's own limit comes from, if that is often lower than what a job needs."""


def confinement_of(spec: JobSpec, account: Account | None) -> Confinement | None:
    """What the process of a job is given beyond the usual; None for most jobs."""
    other = None if account is None or account.uid == os.geteuid() else account
    if spec.container is not None:  # the rest belongs to the container, not to the client that starts it
        return None if other is None else Confinement(user=other, limits={})
    limits = limits_of(spec.limits)
    if other is None and not limits and spec.nice is None and spec.io is None:
        return None
    io = None if spec.io is None else spec.io.value
    return Confinement(user=other, nice=spec.nice, io=io, limits=limits)


def limits_of(limits: LimitsSpec) -> dict[str, int]:
    """The limits of a job but that of core files, by their keys, as numbers."""
    sizes = {"memory": limits.memory, "file_size": limits.file_size}
    found = {key: None if size is None else parse_size(size) for key, size in sizes.items()}
    found |= {
        "cpu_seconds": limits.cpu_seconds,
        "open_files": limits.open_files,
        "processes": limits.processes,
    }
    return {key: value for key, value in found.items() if value is not None}


def account_of(spec: JobSpec) -> Account | None:
    """The user of a job; None for that of the engine. Raises CannotStartError and NotYetError."""
    if spec.user is None:
        return None
    name = spec.user
    try:
        account = ask(f"the user {name}", lambda: find_account(name))
    except NoAnswerError as error:
        raise CannotStartError(Reason.START_ERROR, f"user `{name}`: {error}") from error
    if account is None:
        raise CannotStartError(Reason.START_ERROR, unknown_user(name))
    if account.uid != os.geteuid() and not may_become_others():
        raise CannotStartError(Reason.START_ERROR, not_allowed(name))
    return account


def account_environment(account: Account | None) -> Mapping[str, str]:
    """The variables that name a job's user and its home."""
    if account is None:
        return {}
    return {"HOME": account.home, "LOGNAME": account.name, "USER": account.name}


def limit_troubles(spec: JobSpec) -> Iterator[str]:
    """The priority and the limits that this process cannot hold for a job; a container has its own."""
    if spec.container is not None:
        return
    if spec.nice is not None and not may_have_nice(spec.nice):
        yield f"`nice: {spec.nice}` needs an engine with more rights: run it as root, or use a higher number"
    limits = limits_of(spec.limits)
    for key in held_by_group(limits):
        del limits[key]
    if "processes" in limits and os.geteuid() == 0 and spec.user in (None, "root"):
        yield (
            "`limits.processes` cannot be enforced: the system does not limit root, and no control group can "
            "be made; set `user`, or run the engine under systemd with Delegate=yes"
        )
    for key, limit in limits.items():
        hard = hard_limit(rlimit_of(key))
        if hard is not None and limit > hard:
            where = f" ({WHERE_SET[key]})" if key in WHERE_SET else ""
            yield f"`limits.{key}` is above the engine's own hard limit of {hard:,}{where}"


def held_by_group(limits: Mapping[str, int]) -> tuple[str, ...]:
    """The limits that a control group holds for all processes of a job together."""
    keys = tuple(key for key in CONTROLLERS if key in limits)
    is_possible = bool(keys) and groups.can_limit(groups.base(), *(CONTROLLERS[key] for key in keys))
    return keys if is_possible else ()


def unknown_user(name: str) -> str:
    """The message about a user that does not exist."""
    return f"there is no user `{name}` on this machine: create it, or correct `user`"


def not_allowed(name: str) -> str:
    """The message about a user that this process may not become."""
    rights = ", ".join(f"CAP_{one}" for one in BECOME)
    return (
        f"`user: {name}` needs an engine that runs as root, or has {rights}: start it that way, "
        "or remove `user`"
    )
