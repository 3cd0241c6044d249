"""Rules about webhooks: how a call is proven, its path, and where it has the values of params."""

from collections.abc import Iterator

from jobfile.checks.finding import finding
from jobfile.checks.inputs import check_required, no_such_param
from jobfile.checks.references import no_such_secret
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import ParamSpec, ParamType
from jobfile.model.webhooks import Proof, is_pointer, place_trouble


def webhooks_of(job: JobText) -> Iterator[Setting]:
    """The webhooks of a job."""
    found = (trigger.part("webhook") for trigger in job.triggers)
    return (webhook for webhook in found if webhook is not None)


def check_webhook(job: JobText) -> Iterator[Diagnostic]:
    """JF102, JF109, JF210: the calls of a webhook are proven with a secret of the job, or it is public."""
    for webhook in webhooks_of(job):
        secret, public, verify = (webhook.part(key) for key in ("secret", "public", "verify"))
        is_public = public is not None and public.value is True
        if public is not None and is_public and (secret or verify):
            name = "secret" if secret else "verify"
            yield finding(
                public,
                "JF109",
                f"`{name}` and `public: true` exclude each other",
                label="nothing is verified then" if name == "verify" else "there is a secret too",
                help=("keep one of them",),
                at_key=True,
            )
        elif secret is None and not is_public and not webhook.is_unsure("secret", "public"):
            yield finding(
                webhook,
                "JF102",
                "a webhook needs `secret`, or `public: true`",
                label="anyone could start the job",
                help=("add  secret: NAME  with an entry NAME in `secrets`, or  public: true",),
                at_key=True,
            )
        elif secret is not None and not _may_be_secret(job, secret.text):
            yield no_such_secret(secret, list(job.secrets))


def _may_be_secret(job: JobText, name: str) -> bool:
    return name in job.secrets or job.is_unknown("secrets", name)


def check_webhook_values(job: JobText) -> Iterator[Diagnostic]:
    """JF217, JF502, JF503: a webhook says where a call has the value of each param that it must set."""
    known = {param.name: param for param in job.params}
    for webhook in webhooks_of(job):
        key, params = webhook.part("key"), webhook.part("params")
        if key is not None:
            yield from _place(key)
        verify = webhook.part("verify")
        is_of_a_service = verify is not None and Proof(verify.text).is_of_a_service
        if params is None and not is_of_a_service:
            continue
        for one in () if params is None else params.parts():
            param = known.get(str(one.path[-1]))
            if param is not None:
                yield from _place(one)
                yield from _header_for(param, one)
            elif not job.is_unknown("params", str(one.path[-1])):
                yield no_such_param(job, one, known)
        if not webhook.is_unsure("params"):
            given = {} if params is None else params.value
            advice = "say where a call has it:  params: {{{0}: /{0}}}"
            yield from check_required(job, webhook, "webhook", given, advice=advice)


def _header_for(param: ParamSpec, setting: Setting) -> Iterator[Diagnostic]:
    if not is_pointer(setting.text) and param.type is not ParamType.STRING:
        trouble = f"a header has text, but `{param.name}` is of type {param.type.value}"
        yield _no_place(setting, trouble, "use a JSON pointer, or  type: string")


def _place(setting: Setting) -> Iterator[Diagnostic]:
    if trouble := place_trouble(setting.text):
        yield _no_place(
            setting, trouble, "use a JSON pointer, such as /head/ref, or a header, such as X-GitHub-Event"
        )


def _no_place(setting: Setting, trouble: str, help_: str) -> Diagnostic:
    return finding(
        setting,
        "JF217",
        f"this value cannot be read from `{setting.text[:60]}` in a call",
        label=trouble,
        help=(help_,),
    )


def check_webhook_path(job: JobText) -> Iterator[Diagnostic]:
    """JF213: every part of a path is a name; other programs change paths with `.`, `..` or an empty part."""
    for webhook in webhooks_of(job):
        path = webhook.part("path")
        parts = path.text.removesuffix("/").split("/") if path is not None else []
        odd = next((part for part in parts if part in ("", ".", "..")), None)
        if path is not None and odd is not None:
            yield finding(
                path,
                "JF213",
                f"the path of a webhook has the part `{odd}`" if odd else "the path of a webhook has `//`",
                label="some senders and proxies would change it",
                help=("use a name for each part, such as  path: shop/orders",),
            )


def check_webhook_paths(files: FileSet) -> Iterator[Diagnostic]:
    """JF211: a webhook path starts one job."""
    first: dict[str, tuple[Setting, str]] = {}
    for job in files.jobs.values():
        for webhook in webhooks_of(job):
            path = webhook.part("path")
            if path is None:
                continue
            key = path.text.strip("/")
            if key not in first:
                first[key] = (path, job.name)
                continue
            other, name = first[key]
            line = other.document.span(other.path).start.line
            yield finding(
                path,
                "JF211",
                f"two webhooks have the path `{path.text}`",
                label="already in use",
                notes=(f"job `{name}` uses it at {other.document.source.name}:{line}",),
                help=("change one of the paths",),
            )
