"""Reads the files of variables that a job names, with the same rights as files of secrets."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from engine.actions.kind import CannotStartError
from engine.actions.secret_files import NotAvailableError, read_secret, refuse_unreadable
from engine.core.dotenv import NotReadError, parse_dotenv
from engine.core.reasons import Reason
from engine.host.patience import ask
from jobfile.model.jobs import EnvFile
from jobfile.model.namedtuple import NamedTuple

OPTIONAL: Final = "?"
"""The end of the path of a file that may be absent."""


class FromFiles(NamedTuple):
    """The variables of all files: those to show, and those to mask. A later file counts more."""

    plain: Mapping[str, str]
    secret: Mapping[str, str]


def read_env_files(files: tuple[EnvFile, ...], folder: Path, *, min_secret_bytes: int) -> FromFiles:
    """Read the files, relative to a folder. Raises CannotStartError, whose text never has a value."""
    plain: dict[str, str] = {}
    secret: dict[str, str] = {}
    for one, path in _present(files, folder):
        try:
            found = parse_dotenv(read_secret(path))
        except NotAvailableError as error:
            raise _not_read(one, str(error)) from error
        except NotReadError as error:
            raise CannotStartError(Reason.ENV_FILE, f"{path}:{error.line}: {error.why}") from error
        for name, value, line in found:
            for others in (plain, secret):
                others.pop(name, None)
            if one.secret and 0 < len(value.encode("utf-8", "surrogateescape")) < min_secret_bytes:
                why = f"{name} is shorter than {min_secret_bytes} bytes and could not be masked in the output"
                raise CannotStartError(Reason.ENV_FILE, f"{path}:{line}: {why}")
            (secret if one.secret and value else plain)[name] = value
    return FromFiles(plain, secret)


def refuse_env_files(files: tuple[EnvFile, ...], folder: Path) -> None:
    """Raise CannotStartError for problems that are visible without reading a file."""
    for one, path in _present(files, folder):
        try:
            refuse_unreadable(path)
        except NotAvailableError as error:
            raise _not_read(one, str(error)) from error


def _present(files: tuple[EnvFile, ...], folder: Path) -> Iterator[tuple[EnvFile, Path]]:
    """The files with their paths, without optional ones that are absent."""
    for one in files:
        path = folder / one.path.removesuffix(OPTIONAL)
        if one.path.endswith(OPTIONAL) and not ask(f"the name {path}", lambda path=path: _exists(path)):  # type: ignore[misc]
            continue
        yield one, path


def _exists(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _not_read(file: EnvFile, why: str) -> CannotStartError:
    between = "" if why.startswith(":") else " "
    return CannotStartError(Reason.ENV_FILE, f"env_file `{file.path.removesuffix(OPTIONAL)}`{between}{why}")
