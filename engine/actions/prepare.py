"""Prepares an attempt: binds values, renders templates, reads secrets, for the launcher."""

import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cache, partial
from pathlib import Path

from engine.actions.confining import account_environment, account_of, confinement_of, limit_troubles
from engine.actions.containing import (
    Inside,
    client_environment,
    container_argv,
    container_order,
    names_inside,
    runtime_of,
)
from engine.actions.env_files import FromFiles, read_env_files, refuse_env_files
from engine.actions.kind import CannotStartError, Surroundings, Values
from engine.actions.registry import runnable_kind_of
from engine.actions.secret_files import NotAvailableError, read_secret, refuse_unreadable
from engine.config import EngineConfig
from engine.core.confinement import Account
from engine.core.lifecycle import AttemptKey, Run, StartError
from engine.core.reasons import Reason
from engine.core.traces import is_traced, traceparent
from engine.execution.run_folders import scratch_of
from engine.host.patience import NoAnswerError, NotYetError, ask, wait_for
from engine.ports import UNLIMITED, LaunchOrder
from engine.supervisor.masking import Masker
from engine.transactions.templates import template_values, zone_of
from engine.triggers.registry import trigger_of
from jobfile.expressions.expression import EvaluationError
from jobfile.expressions.template import evaluate_source, has_template, render_text, to_text
from jobfile.model.environment import FENCE, PASSED_ON, axis_variable, is_reserved, param_variable
from jobfile.model.jobs import CommandAction, EnvFile, JobSpec, ParamSpec, StepSpec
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.size import NO_LIMIT, parse_size

SHELL = "/bin/sh"
"""The same for every user, as in cron: a service user's own shell often refuses to start."""

MIN_SECRET_BYTES = 6
"""Minimum length of a secret in bytes: masking a shorter one would hide half of the output."""

MAX_DETAIL = 2_000
"""Maximum characters of an error message; a path or value in it may be very long."""
MAX_VALUE_BYTES = 128 * 1024 - 64
"""Linux limits one argument or environment entry to 128 KiB (MAX_ARG_STRLEN), its name included."""


def prepare(
    run: Run,
    spec: JobSpec,
    config: EngineConfig,
    *,
    now: datetime,
    last_success: datetime | None,
    attempt: AttemptKey | None = None,
    scope: Callable[[], Mapping[str, object]] = dict,
    steps: Sequence[StepSpec] = (),
    fence: int | None = None,
) -> LaunchOrder | StartError | None:
    """The order to execute an attempt, by default the last of its run, or why it cannot start. Never raises.

    For an attempt of a step, `spec` is the job as that step executes it, `scope` returns the values
    of `steps` and `item` in its templates, and `steps` are all steps of the job. `fence` is the number of its
    delivery to one of several hosts.

    None when the system has not answered for a file or folder yet: call it again soon.
    """
    secrets: dict[str, str] = {}
    try:
        about = _About(run, attempt or run.last_attempt, spec, config, now, last_success, scope, fence)
        order = _order(about, secrets)
        is_all = not steps and not spec.of_webhooks
        return order if is_all else replace(order, masked=_not_given(spec, steps, config))
    except CannotStartError as error:
        reason, detail = error.reason, error.detail
    except NotYetError:
        return None
    except EvaluationError as error:
        reason, detail = Reason.TEMPLATE_ERROR, str(error)
    except Exception as error:  # noqa: BLE001  whatever is wrong with one run must not stop the others
        reason, detail = Reason.START_ERROR, f"it could not be prepared: {type(error).__name__}: {error}"
    return StartError(at=now, reason=reason, detail=_storable(detail, secrets))


def _storable(detail: str, secrets: Mapping[str, str]) -> str:
    """A text in a form for the ledger: UTF-8, not too long, without secrets. A value in it may be neither."""
    mask = Masker(secrets.values())
    text = (mask.feed(detail.encode("utf-8", "backslashreplace")) + mask.rest()).decode()
    half = MAX_DETAIL // 2  # keep both ends: the subject is at the start, and the reason at the end
    return text if len(text) <= MAX_DETAIL else f"{text[:half]}…{text[-half:]}"


class _About(NamedTuple):
    """What an attempt is made from."""

    run: Run
    attempt: AttemptKey
    spec: JobSpec
    config: EngineConfig
    now: datetime
    last_success: datetime | None
    scope: Callable[[], Mapping[str, object]]
    fence: int | None = None


def _order(about: _About, secrets: dict[str, str]) -> LaunchOrder:
    """Make the order. `secrets` is filled while they are read, so that
    the caller can remove them from errors.
    """
    run, spec, config = about.run, about.spec, about.config
    for name, source in spec.given(spec.secrets).items():
        if is_reserved(name):  # only a job of an older version, or a foreign one
            raise CannotStartError(Reason.START_ERROR, f"secret `{name}` has a name that jobfile reserves")
        secrets[name] = _secret(name, source, config.environ)

    @cache
    def values() -> dict[str, object]:
        return _values(about, secrets)

    given = _from_files(spec, config)
    secrets |= given.secret
    if spec.condition is not None:
        evaluate_source(spec.condition, values())  # it was met; one that cannot be evaluated ends the attempt
    folder = config.run_folder(run.id)
    account = account_of(spec)
    for trouble in limit_troubles(spec):
        raise CannotStartError(Reason.START_ERROR, trouble)
    env = _environment(about, values, given.plain, folder=folder, account=account)
    prepared = runnable_kind_of(spec.action).prepare(spec.action, values, surroundings(config, spec.outputs))
    env |= prepared.env
    confinement = confinement_of(spec, account)
    argv, container = prepared.argv, None
    if spec.container is not None:
        runtime = runtime_of(spec, config.environ)
        inside = _inside(about, values, names=names_inside(env, spec))
        argv = container_argv(runtime, argv, spec, inside)
        container = container_order(runtime, about.attempt)
        env |= client_environment(config.environ)
    _refuse_what_exec_refuses(env, argv)
    is_shared = container is not None or (confinement is not None and confinement.user is not None)
    return LaunchOrder(
        attempt=about.attempt,
        run_dir=config.attempt_dir(about.attempt),
        argv=argv,
        env=env,
        secrets=secrets,
        working_dir=_folder_of(config.main_file) if container else _folder(spec, config, values),
        timeout_seconds=None if spec.timeout is None else spec.timeout.total_seconds(),
        kill_grace_seconds=spec.kill_grace.total_seconds(),
        script=prepared.script,
        scratch_dir=f"{folder}/{scratch_of(about.attempt)}",
        output_file=env["JOBFILE_OUTPUT"],
        artifacts=spec.artifacts,
        apart=spec.expect.is_about_streams,
        min_free_bytes=config.min_free_bytes,
        umask=None if spec.umask is None else int(spec.umask, 8),
        # A client may need more rights for itself, as podman does; its container gets an option.
        may_gain_rights=bool(spec.new_privileges) or container is not None,
        core_bytes=_core_bytes(spec),
        confinement=confinement,
        open_script=config.script_file(about.attempt) if is_shared else "",
        container=container,
    )


def _inside(about: _About, values: Values, *, names: list[str]) -> Inside:
    spec, config = about.spec, about.config
    folder = render_text(spec.working_dir, values()) if spec.working_dir else ""
    if folder and not folder.startswith("/"):
        raise CannotStartError(
            Reason.START_ERROR, f"working_dir {folder} is not a path in the container: begin it with `/`"
        )
    return Inside(
        attempt=about.attempt,
        job=about.run.job,
        run_folder=config.run_folder(about.run.id),
        main_folder=_folder_of(config.main_file),
        working_dir=folder,
        names=names,
    )


def surroundings(config: EngineConfig, outputs: Sequence[ParamSpec] = ()) -> Surroundings:
    """Where the jobs of this engine are executed; `outputs` are those of the job."""
    pointers = {one.name: one.pointer or f"/{one.name}" for one in outputs}
    return Surroundings(_folder_of(config.main_file), config.environ, pointers)


def _core_bytes(spec: JobSpec) -> int | None:
    core = spec.limits.core
    return UNLIMITED if core == NO_LIMIT else None if core is None else parse_size(core)


def _folder(spec: JobSpec, config: EngineConfig, values: Values) -> Path:
    """The working folder: that of the job, relative to the main file's folder, which is the default."""
    base = _folder_of(config.main_file)
    if spec.working_dir is None:
        return base
    folder = base / render_text(spec.working_dir, values())
    if trouble := folder_trouble(folder):
        raise CannotStartError(Reason.WORKING_DIR_MISSING, trouble)
    return folder


def folder_for_checks(run: Run, spec: JobSpec, config: EngineConfig, *, began_at: datetime) -> Path:
    """The working folder in which a run that has ended worked; it may be gone."""
    base = _folder_of(config.main_file)
    if spec.working_dir is None:
        return base
    about = _About(run, run.last_attempt, spec, config, began_at, None, dict)
    return base / render_text(spec.working_dir, _values(about, {}))


def folder_trouble(folder: Path) -> str:
    """Why a process could not run in a folder, as far as can be seen now; empty if it could."""
    try:
        is_folder = stat.S_ISDIR(ask(f"the folder {folder}", folder.stat).st_mode)
    except NoAnswerError as error:
        return f"working_dir {folder} cannot be used: {error}"
    except FileNotFoundError:
        return f"working_dir {folder} is not a folder: nothing is there"
    except OSError as error:  # for example no right to search a parent, a name too long, a mount that is gone
        return f"working_dir {folder} cannot be used: {error.strerror or error}"
    except ValueError:
        return f"working_dir {folder!s} cannot be used: its name has a NUL character"
    return "" if is_folder else f"working_dir {folder} is not a folder"


def _folder_of(main_file: Path) -> Path:
    return main_file.absolute().parent


def _values(about: _About, secrets: Mapping[str, str]) -> dict[str, object]:
    values = template_values(about.spec, about.run)
    zone, last_success = zone_of(about.spec), about.last_success
    about_run = values["run"]
    assert isinstance(about_run, dict)
    about_run["attempt"] = about.attempt.number
    about_run["started_at"] = about.now.astimezone(zone)
    about_run["previous_success"] = None if last_success is None else last_success.astimezone(zone)
    return {**values, **about.scope(), "secrets": dict(secrets)}


def _not_given(spec: JobSpec, steps: Sequence[StepSpec], config: EngineConfig) -> tuple[str, ...]:
    """The secrets of webhooks and of other steps, to mask them. One that cannot be read now is in no
    process's hands.
    """
    found: set[str] = set()
    sources = {one for named in (spec.secrets, *(step.secrets for step in steps)) for one in named.items()}
    for name, source in sources - spec.given(spec.secrets).items():
        with suppress(CannotStartError):
            found.add(_secret(name, source, config.environ))
    files = {one for step in steps for one in step.env_file if one.secret}
    for file in files - {*spec.env_file}:
        with suppress(CannotStartError):
            found.update(_read_files((file,), config).secret.values())
    return tuple(sorted(found))


def _read_files(files: tuple[EnvFile, ...], config: EngineConfig) -> FromFiles:
    return read_env_files(files, _folder_of(config.main_file), min_secret_bytes=MIN_SECRET_BYTES)


def _from_files(spec: JobSpec, config: EngineConfig) -> FromFiles:
    """The variables of the job's files, without those that the job sets itself: these count more."""
    found = _read_files(spec.env_file, config)
    own = spec.env.keys() | spec.secrets.keys()
    return FromFiles(*({name: value for name, value in one.items() if name not in own} for one in found))


def _environment(
    about: _About, values: Values, from_files: Mapping[str, str], *, folder: str, account: Account | None
) -> dict[str, str]:
    run, spec, config, now, last_success = about.run, about.spec, about.config, about.now, about.last_success
    zone = zone_of(spec)
    passed = (*PASSED_ON, *spec.pass_env)
    env = {"SHELL": SHELL, **config.account()}
    env |= {name: config.environ[name] for name in passed if name in config.environ}
    env |= account_environment(account)
    env["TZ"] = spec.timezone
    env["TMPDIR"] = f"{folder}/{scratch_of(about.attempt)}"
    if is_traced(config.environ):
        env["TRACEPARENT"] = traceparent(about.attempt)
    env |= from_files
    env |= {
        name: render_text(text, values()) if has_template(text) else text for name, text in spec.env.items()
    }
    env |= about.attempt.marks | {
        "JOBFILE_JOB": run.job,
        "JOBFILE_TRIGGER": run.trigger.value,
        "JOBFILE_SCHEDULED_AT": run.scheduled_for.astimezone(zone).isoformat(),
        "JOBFILE_NOT_BEFORE": run.not_before.astimezone(zone).isoformat(),
        "JOBFILE_LATENESS_SECONDS": str(max(0, int((now - run.not_before).total_seconds()))),
        "JOBFILE_CATCHUP": "1" if run.trigger == "catchup" else "0",
        "JOBFILE_PREV_SUCCESS_AT": last_success.astimezone(zone).isoformat() if last_success else "",
        "JOBFILE_RUN_DIR": folder,
        "JOBFILE_OUTPUT": config.output_file(about.attempt),
    }
    env |= {} if about.fence is None else {FENCE: str(about.fence)}
    env |= trigger_of(run).environment(run, spec, zone)
    env |= {axis_variable(name): to_text(value) for name, value in run.matrix.items()}
    return env | {
        param_variable(name): to_text(value) if not isinstance(value, tuple) else _joined(value)
        for name, value in run.params.items()
    }


def _joined(value: tuple[object, ...]) -> str:
    return "\n".join(to_text(item) for item in value)


def secret_value(name: str, source: str, environ: Mapping[str, str]) -> str:
    """The value of a secret, for a program that is not a job's. Raises CannotStartError."""
    return wait_for(partial(_secret, name, source, environ))


def secret_trouble(name: str, source: str, environ: Mapping[str, str]) -> str:
    """Why a run that needs a secret could not start now; empty if it could. It never has the value."""
    try:
        wait_for(partial(_secret, name, source, environ))
    except CannotStartError as error:
        return error.detail
    return ""


def refusals(
    spec: JobSpec, config: EngineConfig, values: Mapping[str, object], *, unknown: type[Exception]
) -> Iterator[str]:
    """The reasons for which a run could not start now. No secret is read.

    `values` may be incomplete: a missing one raises `unknown`, and is not reported.
    """

    def known() -> Mapping[str, object]:
        return values

    decisions: list[Callable[[], object]] = [
        partial(_refuse_unread_secret, name, source, config.environ)
        for name, source in spec.given(spec.secrets).items()
    ]
    decisions.append(partial(refuse_env_files, spec.env_file, _folder_of(config.main_file)))
    if spec.container is None:
        decisions.append(partial(_folder, spec, config, known))
    decisions += [partial(render_text, text, values) for text in spec.env.values() if has_template(text)]
    if isinstance(spec.action, CommandAction):
        decisions.append(
            partial(runnable_kind_of(spec.action).prepare, spec.action, known, surroundings(config))
        )
    for decide in decisions:
        try:
            wait_for(decide)
        except CannotStartError as error:
            yield error.detail
        except EvaluationError as error:
            yield str(error)
        except OSError as error:
            yield f"{error.filename}: {error.strerror or error}"
        except unknown:
            continue


def _refuse_unread_secret(name: str, source: str, environ: Mapping[str, str]) -> None:
    """Check a secret without reading it. The content of a file is checked when a run starts."""
    kind, _, place = source.partition(":")
    if kind == "env":
        _secret(name, source, environ)
        return
    try:
        refuse_unreadable(Path(place))
    except NotAvailableError as error:
        raise _no_secret(name, str(error)) from error


def _secret(name: str, source: str, environ: Mapping[str, str]) -> str:
    """Read the value of a secret. An error message never has it."""
    kind, _, place = source.partition(":")
    try:
        value = environ.get(place) if kind == "env" else read_secret(Path(place))
    except NotAvailableError as error:
        raise _no_secret(name, str(error)) from error
    if value is None:
        raise _no_secret(name, f"is not there: the engine has no {place} in its environment")
    if _size(value) < MIN_SECRET_BYTES:
        raise _no_secret(
            name, f"is shorter than {MIN_SECRET_BYTES} bytes and could not be masked in the output"
        )
    return value


def _no_secret(name: str, why: str) -> CannotStartError:
    between = "" if why.startswith(":") else " "
    return CannotStartError(Reason.SECRET_NOT_AVAILABLE, f"secret `{name}`{between}{why}")


def _refuse_what_exec_refuses(env: Mapping[str, str], argv: tuple[str, ...]) -> None:
    values = (*env.values(), *argv)
    if "\0" not in "".join(values) and max(map(len, values)) * 4 <= MAX_VALUE_BYTES:
        return  # for speed: a character has at most four bytes, so most values need no encoding
    for what, value in (*env.items(), *((f"argument {index}", item) for index, item in enumerate(argv))):
        if "\0" in value:
            raise CannotStartError(Reason.TEMPLATE_ERROR, f"{what} has a NUL character")
        if _size(value) > MAX_VALUE_BYTES:
            raise CannotStartError(
                Reason.TEMPLATE_ERROR, f"{what} is a value too large for a script or argument"
            )


def _size(value: str) -> int:
    return len(value.encode("utf-8", "surrogateescape"))
