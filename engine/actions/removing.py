"""Removes what a lost attempt left outside of its processes: its container."""

import os

from engine.actions.confining import account_environment, account_of
from engine.actions.containing import client_environment, container_order, runtime_of
from engine.actions.kind import CannotStartError
from engine.config import EngineConfig
from engine.core.confinement import Removal
from engine.core.lifecycle import AttemptKey
from engine.host.patience import wait_for
from engine.ledger.store_ports import Execution
from engine.transactions.steps import step_as_job
from jobfile.model.environment import PASSED_ON


def removal_of(store: Execution, attempt: AttemptKey, config: EngineConfig) -> Removal | None:
    """How to remove the container of a lost attempt; None if it has none, or that is not known any more."""
    run = store.run(attempt.run_id)
    if run is None or store.definition_trouble(run.digest):
        return None
    job = store.definition(run.digest)
    spec = step_as_job(job, attempt.step) if attempt.step else job
    if spec.container is None:
        return None
    try:
        runtime = runtime_of(spec, config.environ)
        account = wait_for(lambda: account_of(spec))
    except CannotStartError:
        return None
    passed = {name: config.environ[name] for name in PASSED_ON if name in config.environ}
    env = {**config.account(), **passed, **account_environment(account), **client_environment(config.environ)}
    other = None if account is None or account.uid == os.geteuid() else account
    return Removal(argv=container_order(runtime, attempt).remove, env=env, user=other)
