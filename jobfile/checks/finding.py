"""Makes a finding for a setting, or for a part of its text."""

from collections.abc import Collection
from heapq import nsmallest
from itertools import islice

from jobfile.diagnostics.diagnostic import Diagnostic, Edit, Fix, Label
from jobfile.diagnostics.suggest import did_you_mean, suggest
from jobfile.expressions.expression import Problem
from jobfile.files.merged_settings import Setting


def finding(
    setting: Setting,
    code: str,
    message: str,
    *,
    label: str = "",
    notes: tuple[str, ...] = (),
    help: tuple[str, ...] = (),
    fix: str | None = None,
    at_key: bool = False,
    related: tuple[Label, ...] = (),
) -> Diagnostic:
    """A finding about a value or, with `at_key`, about its key."""
    document = setting.document
    span = document.key_span(setting.path) if at_key else document.span(setting.path)
    fixes = () if fix is None else (Fix(title=f"replace with `{fix}`", edits=(Edit(span=span, text=fix),)),)
    return Diagnostic(
        code=code,
        message=message,
        file=document.source.name,
        span=span,
        label=label,
        path=setting.path,
        related=related,
        notes=notes,
        help=help,
        fixes=fixes,
    )


def located(setting: Setting, problem: Problem) -> Diagnostic:
    """A finding about a part of a scalar."""
    document = setting.document
    span = document.within(setting.path, problem.start, problem.end)
    fixes: tuple[Fix, ...] = ()
    help_ = problem.help
    text = None if problem.fix is None else document.spelled(setting.path, problem.fix)
    if text is not None:
        title = f"replace with `{problem.fix}`" if problem.fix else "remove it"
        fixes = (Fix(title=title, edits=(Edit(span=span, text=text),)),)
        # The message shows the exact text to write, with YAML's quotes.
        help_ = tuple(one.replace(problem.fix, text) for one in help_) if problem.fix else help_
    return Diagnostic(
        code=problem.code,
        message=problem.message,
        file=document.source.name,
        span=span,
        label=problem.label,
        path=setting.path,
        help=help_,
        fixes=fixes,
    )


def unknown_name(
    setting: Setting, code: str, what: str, names: Collection[str], *, label: str, known: str
) -> Diagnostic:
    """An unknown name: suggests the nearest one, or lists the known names."""
    near = suggest(setting.text, names)
    some = nsmallest(8, names) if isinstance(names, frozenset) else islice(names, 8)
    listed = ", ".join(f"`{name}`" for name in some)
    advice = did_you_mean(near) if near else f"known names: {listed}" if names else known
    return finding(
        setting,
        code,
        f"unknown {what} `{setting.text[:63]}`",
        label=label,
        help=(advice,),
        fix=near[0] if len(near) == 1 else None,
    )
