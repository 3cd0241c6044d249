"""What jobs need and this machine cannot give: reported before anything is put in force."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from engine.actions.confining import limit_troubles, not_allowed, unknown_user
from engine.actions.containing import runtime_troubles
from engine.config import EngineConfig
from engine.host.accounts import find_account, folder_closed_to, may_become_others
from engine.host.patience import ask, wait_for
from engine.programs import INSTALL_APPRISE, has_apprise
from engine.triggers.file import folder_of
from jobfile.model.catalog import Catalog, CompiledJob
from jobfile.model.jobs import FileTrigger, JobSpec

NAMED: Final = 3
"""The number of jobs that a warning names."""


def beyond_host(catalog: Catalog, config: EngineConfig, *, is_engine: bool) -> tuple[str, ...]:
    """One line for each job that cannot run on this machine; such a set is not put in force.

    `is_engine`: this process will start the jobs, so they have its limits.
    """
    found = (beyond_host_of(job, config, is_engine=is_engine) for job in catalog.jobs)
    return tuple(told for told in found if told)


def beyond_host_of(job: CompiledJob, config: EngineConfig, *, is_engine: bool) -> str:
    """Why a job cannot run on this machine, in one line; empty if it can."""
    found = [
        *_user_troubles(job.spec, config.state_dir),
        *_channel_troubles(job.spec),
        *_folder_troubles(job.spec, config),
    ]
    if is_engine:
        found += [*limit_troubles(job.spec), *runtime_troubles(job.spec, config.environ)]
    troubles = "; ".join(found)
    if not troubles:
        return ""
    place = f"{job.origin.file}:{job.origin.line}"
    return f"{place}: job `{job.spec.name}` is valid, but cannot run here: {troubles}"


def ignored_labels(catalog: Catalog, config: EngineConfig) -> str:
    """A warning that jobs run here whatever their labels; empty if none has labels, or there are hosts.

    Only a ledger in a server can have several hosts.
    """
    names = [job.spec.name for job in catalog.jobs if job.spec.runs_on]
    if config.store or not names:
        return ""
    named = ", ".join(f"`{name}`" for name in names[:NAMED])
    named += f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return (
        "the ledger is a file, so every job runs on this host, whatever its labels: "
        f"`runs_on` has no effect ({named})"
    )


def _channel_troubles(spec: JobSpec) -> Iterator[str]:
    """Why a channel of the job cannot send: the library Apprise is an extra."""
    channels = (one for found in spec.notify.values() for one in found)
    name = next((one.name for one in channels if one.apprise), None)
    if name is not None and not has_apprise():
        yield f"channel `{name}` needs the library apprise: install it with  {INSTALL_APPRISE}"


def _user_troubles(spec: JobSpec, state_dir: Path) -> Iterator[str]:
    if spec.user is None:
        return
    name = spec.user
    account = wait_for(lambda: ask(f"the user {name}", lambda: find_account(name)))
    if account is None:
        yield unknown_user(name)
    elif account.uid == os.geteuid():
        return
    elif not may_become_others():
        yield not_allowed(name)
    elif (closed := folder_closed_to(account, state_dir)) is not None:
        yield (
            f"user `{name}` cannot reach the folders of its runs: it may not enter {closed}; allow it with "
            "chmod o+x, or name another state folder with --state"
        )


def _folder_troubles(spec: JobSpec, config: EngineConfig) -> Iterator[str]:
    """A job whose files are those of the engine would start itself for ever."""
    state = os.path.realpath(config.state_dir)
    for trigger in spec.triggers:
        if isinstance(trigger, FileTrigger):
            folder = folder_of(trigger, config.main_file.parent).path
            if f"{os.path.realpath(folder)}/".startswith(f"{state}/"):
                yield (
                    f"its `file` trigger watches {folder}, which is in the state folder {state}: the engine "
                    "writes there itself; watch a folder of your own"
                )
