"""Selects the findings that a check shows and those that make it fail: --level, --strict, --allow, --deny."""

from collections.abc import Iterable
from pathlib import Path

import click

from engine.sources.file_reader import read_limited
from jobfile.diagnostics.diagnostic import CODES, Diagnostic, Severity
from jobfile.diagnostics.suggest import suggest
from jobfile.model.dataclass import dataclass

PROJECT_FILE = ".jobfile.toml"
_ORDER = (Severity.ERROR, Severity.WARNING, Severity.INFO)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lints:
    """The selection for one check."""

    level: Severity = Severity.WARNING
    is_strict: bool = False
    allowed: frozenset[str] = frozenset()
    denied: frozenset[str] = frozenset()

    def is_shown(self, one: Diagnostic) -> bool:
        """Whether to show a finding; a denied one is shown at any level."""
        if one.code in self.allowed:
            return False
        return one.code in self.denied or _ORDER.index(one.severity) <= _ORDER.index(self.level)

    def is_bad(self, one: Diagnostic) -> bool:
        """Whether a finding makes the check fail; a suppressed one never does."""
        if one.suppressed is not None or one.code in self.allowed:
            return False
        is_strict_about = self.is_strict and one.severity is Severity.WARNING
        return one.is_error or one.code in self.denied or is_strict_about


def read_lints(*, level: str, strict: bool, allow: Iterable[str], deny: Iterable[str]) -> Lints:
    """The selection of the options. An unknown code, or an error under --allow, is wrong usage."""
    allowed, denied = frozenset(map(_known, allow)), frozenset(map(_known, deny))
    for code in sorted(allowed):
        if CODES[code].severity is Severity.ERROR:
            raise click.UsageError(
                f"{code} is an error, and errors cannot be allowed; see  jobfile explain {code}"
            )
        if code in denied:
            raise click.UsageError(f"{code} is both allowed and denied; keep one of them")
    return Lints(level=Severity(level), is_strict=strict, allowed=allowed, denied=denied)


def project_lints(folder: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The codes that `[lint]` in .jobfile.toml beside the main file allows and denies; options add more."""
    path = folder / PROJECT_FILE
    try:
        text = read_limited(path, what="file of settings").decode()
    except FileNotFoundError:
        return (), ()
    except UnicodeDecodeError as error:
        raise click.UsageError(f"cannot read {path}: it is not UTF-8") from error
    except OSError as error:
        raise click.UsageError(f"cannot read {path}: {error.strerror}") from error
    import tomllib  # noqa: PLC0415  start-up time: few projects have the file

    try:
        table = tomllib.loads(text).get("lint", {})
    except tomllib.TOMLDecodeError as error:
        raise click.UsageError(f"{path} is not TOML: {error}") from error
    unknown = [key for key in table if key not in ("allow", "deny")] if isinstance(table, dict) else ["lint"]
    lists = [table.get(key, []) for key in ("allow", "deny")] if not unknown else []
    is_good = all(isinstance(one, list) and all(isinstance(code, str) for code in one) for one in lists)
    if unknown or not is_good:
        raise click.UsageError(f'[lint] in {path} may hold  allow = ["JF606"]  and  deny = ["JF601"]')
    return tuple(lists[0]), tuple(lists[1])


def _known(text: str) -> str:
    code = text.upper()
    if code not in CODES:
        near = suggest(code, CODES)
        hint = f"; did you mean {' or '.join(near)}?" if near else "; all of them:  jobfile explain"
        raise click.UsageError(f"there is no code {text}{hint}")
    return code
