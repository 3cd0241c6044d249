"""What a check looks at: one job of a document with its merged settings, and how a finding is made."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from jobfile.compile import params_of, vars_of
from jobfile.diagnostic import Diagnostic, DocumentPath, Edit, Fix
from jobfile.document import Document
from jobfile.expression import Problem, Scope
from jobfile.model import ParamSpec, Value
from jobfile.payload import scope_of
from jobfile.settings import Setting, Settings, named_settings, settings_of


@dataclass(frozen=True)
class Job:
    """One job as the checks see it."""

    document: Document
    name: str

    @cached_property
    def settings(self) -> Settings:
        """The keys that hold for the job."""
        return settings_of(self.document, self.name)

    @cached_property
    def env(self) -> Settings:
        """The environment that holds for the job."""
        return named_settings(self.document, self.name, "env")

    @cached_property
    def secrets(self) -> Settings:
        """The secrets that hold for the job."""
        return named_settings(self.document, self.name, "secrets")

    @cached_property
    def params(self) -> tuple[ParamSpec, ...]:
        """The declared inputs."""
        return params_of(self.document, self.name)

    @cached_property
    def vars(self) -> Mapping[str, Value]:
        """The constants of the document."""
        return vars_of(self.document)

    @cached_property
    def scope(self) -> Scope:
        """What names mean in the job's templates."""
        return scope_of(self.params, self.vars, self.secrets)

    def text(self, setting: Setting) -> str:
        """A scalar as it is written."""
        return self.document.text(setting.path)


def jobs_of(document: Document) -> Iterator[Job]:
    """The jobs of a document in their order."""
    for name in document.tree.get("jobs") or {}:
        yield Job(document, name)


def finding(
    document: Document,
    path: DocumentPath,
    code: str,
    message: str,
    *,
    label: str = "",
    notes: tuple[str, ...] = (),
    help: tuple[str, ...] = (),
    fix: str | None = None,
    at_key: bool = False,
) -> Diagnostic:
    """A finding about the value, or with `at_key` the key, at a path."""
    span = document.key_span(path) if at_key else document.span(path)
    fixes = () if fix is None else (Fix(title=f"replace with `{fix}`", edits=(Edit(span=span, text=fix),)),)
    return Diagnostic(
        code=code,
        message=message,
        file=document.source.name,
        span=span,
        label=label,
        path=path,
        notes=notes,
        help=help,
        fixes=fixes,
    )


def located(document: Document, path: DocumentPath, problem: Problem) -> Diagnostic:
    """A finding about a part of the scalar at a path."""
    span = document.within(path, problem.start, problem.end)
    fixes: tuple[Fix, ...] = ()
    if problem.fix is not None:
        edit = Edit(span=span, text=problem.fix)
        fixes = (Fix(title=f"replace with `{problem.fix}`", edits=(edit,)),)
    return Diagnostic(
        code=problem.code,
        message=problem.message,
        file=document.source.name,
        span=span,
        label=problem.label,
        path=path,
        help=problem.help,
        fixes=fixes,
    )
