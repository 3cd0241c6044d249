"""Asks the shells of this machine whether they can read a script, without running it."""

from collections.abc import Iterable
from typing import Final, Literal

from jobfile.model.hashing import sha256
from jobfile.shell.syntax_errors import read_complaint

Dialect = Literal["sh", "bash"]
Complaint = tuple[int, str]

TIMEOUT_SECONDS: Final = 5.0
MAX_PROCESSES: Final = 2
MAX_KEPT: Final = 50_000


def shell_syntax(script_text: str, dialect: Dialect) -> Complaint | None:
    """The line and message of the shell's complaint; None if it has none, or there is no such shell."""
    from engine.execution.launcher_client import ask  # noqa: PLC0415  start-up time: only scripts that need it

    # Options that a script sets with shopt are not set while it is only read.
    options = ("-O", "extglob") if dialect == "bash" and "extglob" in script_text else ()
    answer = ask([dialect, *options, "-n"], script_text, timeout_seconds=TIMEOUT_SECONDS)
    if answer is None or answer[0] == 0:
        return None
    return read_complaint(answer[1])


class SyntaxChecker:
    """Caches the shells' answers, so that an unchanged script is checked only once."""

    def __init__(self) -> None:
        """Start with an empty cache."""
        self._known: dict[bytes, Complaint | None] = {}

    def check(self, scripts: Iterable[tuple[str, Dialect]]) -> list[Complaint | None]:
        """The shell's complaint about each script, in order; runs a few processes at once."""
        wanted = [(_digest(text, dialect), text, dialect) for text, dialect in scripts]
        new = {key: (text, dialect) for key, text, dialect in wanted if key not in self._known}
        if len(self._known) + len(new) > MAX_KEPT:
            self._known.clear()
            new = {key: (text, dialect) for key, text, dialect in wanted}
        if new:
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  start-up time: see above

            with ThreadPoolExecutor(MAX_PROCESSES) as pool:
                self._known.update(
                    zip(new, pool.map(lambda one: shell_syntax(*one), new.values()), strict=True)
                )
        return [self._known[key] for key, _, _ in wanted]


def _digest(text: str, dialect: Dialect) -> bytes:

    return sha256(f"{dialect}\n{text}".encode("utf-8", "surrogateescape")).digest()
