"""What the server knows for its whole life: the place, the names it answers to, and what it remembers."""

import time
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256

from engine.core.access import Role
from engine.web.apart.computer import Computer
from engine.web.apart.question import Computed, Question, answer_of
from engine.web.compiled import CompiledFiles
from engine.web.memory import Memory
from engine.web.visit_place import SitePlace
from engine.web.watch import Watch
from jobfile.model.dataclass import dataclass

_DIGITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One state folder, served."""

    place: SitePlace
    memory: Memory
    watch: Watch
    files: CompiledFiles
    clock: Callable[[], datetime]
    elapsed: Callable[[], float] = time.monotonic
    """Seconds on a clock that never steps."""
    hosts: frozenset[str]
    """The values of Host that are answered, with the port."""
    is_secure: bool = False
    """Whether browsers reach it by https."""
    proxies: frozenset[str] = frozenset()
    """The addresses whose header about the user is believed."""
    proxy_role: Role = Role.VIEWER
    """What a user that the proxy names may do."""

    computer: Computer | None = None
    """The process beside the server; without it, answers are computed here."""

    def compute(self, question: Question) -> Computed:
        """The answer to a question, computed now."""
        return answer_of(question, self) if self.computer is None else self.computer.answer(question)

    def close(self) -> None:
        """Close what is open of the ledger, and end the process beside the server."""
        if self.computer is not None:
            self.computer.close()
        self.watch.close()
        self.place.reader.close()

    @property
    def origins(self) -> frozenset[str]:
        """The origins from which a page may send a change."""
        scheme = "https" if self.is_secure else "http"
        return frozenset(f"{scheme}://{host}" for host in self.hosts)

    @property
    def cookie(self) -> str:
        """The name of the cookie: browsers send one to all ports of a host, so each site has its own."""
        folder = sha256(str(self.place.state_dir.absolute()).encode("utf-8", "surrogateescape"))
        name = f"jobfile_{folder.hexdigest()[:_DIGITS]}"
        return f"__Host-{name}" if self.is_secure else name
