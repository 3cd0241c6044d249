"""Area: rights: who may read and change the state folder, the job files and secret files."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from engine.actions.prepare import secret_trouble
from engine.answers.findings import Examined, Finding, limited
from engine.doctor.subject import Subject
from engine.host.ownership import Trouble, file_troubles, state_troubles
from engine.ledger.ports import View
from engine.sources.file_reader import read_job_files
from jobfile.model.canonical import spec_from_json
from jobfile.model.counts import many
from jobfile.model.webhooks import WebhookTrigger


def examine_rights(subject: Subject, state: tuple[Finding, ...]) -> Examined:
    """Check the job files and the secrets of the jobs in force; `state` has the
    findings of the state folder.
    """
    secrets = tuple(_secrets(subject.view)) if subject.view is not None else ()
    findings = (
        *state,
        *(_finding(one) for one in file_troubles(_job_files(subject.config.main_file))),
        *limited(_check_secrets(subject, secrets)),
    )
    looked_at = f"state folder, job file, {many(len(secrets), 'secret')}"
    return Examined(area="rights", looked_at=looked_at, findings=findings)


def check_state(folder: Path) -> Iterator[Finding]:
    """Check the state folder and its files.

    Call it before the ledger is opened: SQLite makes files beside it.
    """
    return (_finding(one) for one in state_troubles(folder))


def _finding(trouble: Trouble) -> Finding:
    return Finding(code=trouble.code, found=trouble.found, help=f"`{trouble.help}`", path=str(trouble.path))


def unreadable_place(subject: Subject, error: OSError) -> Finding:
    """The finding that the state folder, or something in it, cannot be accessed."""
    path = str(error.filename or subject.config.state_dir)
    return Finding(
        code="rights.unreadable",
        found=f"{path} cannot be accessed ({error.strerror or error})",
        help=f"`ls -ld {quote(str(subject.config.state_dir))}` shows the owner; run this as that user",
        path=path,
    )


def _job_files(main: Path) -> list[Path]:
    """The main file and the files that it includes, as far as they can be read."""
    try:
        return [Path(name) for name, _ in read_job_files(main).files]
    except OSError:
        return [main]


def _secrets(view: View) -> Iterator[tuple[str, str, str, bool]]:
    """Job, name and source of each secret of the jobs in force, and whether only the server needs it."""
    for version in view.jobs_in_force():
        text = view.definition_text(version.digest)
        if text is not None and '"secrets"' in text:
            spec = spec_from_json(text)
            proofs = {one.secret for one in spec.triggers if isinstance(one, WebhookTrigger)}
            for name, source in spec.secrets.items():
                yield version.job, name, source, name in proofs


def _check_secrets(subject: Subject, secrets: tuple[tuple[str, str, str, bool], ...]) -> Iterator[Finding]:
    for job, name, source, is_proof in secrets:
        kind, _, place = source.partition(":")
        if kind == "env":
            if place not in subject.config.environ:
                advice = f"set it where the engine is started; `jobfile did {job}` shows whether it runs"
                if is_proof:
                    advice = "set it where `jobfile serve` is started; the webhook refuses calls without it"
                yield Finding(
                    code="rights.secret_env",
                    found=f"secret `{name}` needs {place}, which is not in the environment of this command",
                    help=advice,
                    job=job,
                )
            continue
        trouble = secret_trouble(name, source, subject.config.environ)
        if trouble:
            yield Finding(
                code="rights.secret_file",
                found=trouble,
                help=f"`ls -l {quote(place)}` shows its rights; `chmod 600 {quote(place)}` protects it",
                job=job,
                path=place,
            )
