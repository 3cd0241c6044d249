"""Starts a Kubernetes pod for each offer: a Job with `jobfile attempt`, which takes this attempt or none.

A Job may be made twice, and its pod may be started twice: the row of the attempt decides. A Job is named
after its attempt.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from engine.client.kubernetes import AwayError, Jobs, RefusedError
from engine.core.errors import JobfileError, UnreadableFileError, WrongUsageError
from engine.core.hosts import Offer
from engine.core.lifecycle import AttemptKey
from engine.hosts.manifest import Manifest, job_manifest, job_name, read_template
from jobfile.diagnostics.escapes import printable
from jobfile.model.regex import regex

NAME: Final = "kubernetes"
SLOTS: Final = "JOBFILE_KUBERNETES_SLOTS"
POD: Final = "JOBFILE_KUBERNETES_POD"
NAMESPACE: Final = "JOBFILE_KUBERNETES_NAMESPACE"
API: Final = "JOBFILE_KUBERNETES_API"
ACCOUNT: Final = "JOBFILE_KUBERNETES_ACCOUNT"
DEFAULT_SLOTS: Final = 64
"""Maximum number of attempts that are offered or held at once, unless JOBFILE_KUBERNETES_SLOTS changes it."""
MAX_SLOTS: Final = 10_000
DEFAULT_ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where Kubernetes gives each pod the token of its service account, the authority, and the namespace."""
MAX_TEMPLATE_BYTES: Final = 256 * 1024
TEND_SECONDS: Final = 5.0
TURN_SECONDS: Final = 5.0
"""How long requests are sent in one turn. What is left waits for the next."""
REFUSED_SECONDS: Final = 30.0
"""How long a refused Job counts as a trouble of the whole cluster, unless another Job is made meanwhile."""
FIRST_WAIT_SECONDS: Final = 10.0
LONGEST_WAIT_SECONDS: Final = 300.0
"""After a Job was refused, or its pod ended before it took its attempt, the next try waits at most this long.
The wait doubles each time.
"""
MAX_REMOVALS: Final = 1_000
"""Maximum number of Jobs that wait for their removal. Kubernetes removes the others later."""
MAX_WORDS: Final = 200
MAX_DIGITS: Final = 9
_NAMESPACE: Final = regex("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class KubernetesCluster:
    """Implements `Cluster`."""

    name = NAME

    def __init__(
        self,
        jobs: Jobs,
        template: Manifest,
        *,
        slots: int,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing is offered yet."""
        self._elapsed = elapsed
        self.slots = slots
        self.trouble = ""
        self.on_offer: Callable[[], None] = lambda: None
        self._jobs = jobs
        self._template = template
        self._lock = threading.Lock()
        self._offers: dict[str, Offer] = {}
        self._removals: dict[str, None] = {}
        self._refused_at: float | None = None
        self._put_off: dict[str, tuple[int, float]] = {}
        """By the name of a Job: how often it has failed, and until when it waits."""

    def offer(self, offers: Sequence[Offer]) -> None:
        with self._lock:
            self._offers |= {job_name(one.attempt): one for one in offers}
        if offers:
            self.on_offer()

    def withdraw(self, attempt: AttemptKey) -> None:
        with self._lock:
            self._offers.pop(job_name(attempt), None)
            if len(self._removals) < MAX_REMOVALS:
                self._removals[job_name(attempt)] = None
        self.on_offer()

    def tend(self) -> float:
        until = self._elapsed() + TURN_SECONDS
        try:
            told = self._make_jobs(until)
            self._remove_jobs(until)
        except AwayError as error:
            self.trouble = error.short
            raise
        if told is not None:
            raise told
        return 0.0 if self._offers and self._elapsed() >= until else TEND_SECONDS

    def close(self) -> None:
        self._jobs.close()

    def _make_jobs(self, until: float) -> JobfileError | None:
        """Make the Jobs of all offers; the error to report about them."""
        told: JobfileError | None = None
        with self._lock:
            waiting = dict(self._offers)
        for name, offer in waiting.items():
            if self._elapsed() >= until:
                break
            if name not in self._offers or self._waits(
                name
            ):  # it was withdrawn meanwhile, or has just failed
                continue
            try:
                ended = self._make(name, offer)
            except RefusedError as error:
                told = told or error
                self._refused_at, self.trouble = self._elapsed(), error.short
                if not error.is_of_one:
                    return told
                self._wait_longer(name)
                self._drop(name, offer)  # the leader offers it again
                continue
            self._refused_at = None
            if ended is None:
                self._drop(name, offer)
            elif ended:
                self._wait_longer(name)
                told = told or JobfileError(
                    f"the pod of {name} ended before it took its attempt ({ended}); another is started. Its "
                    f"output:  kubectl -n {self._jobs.namespace} logs job/{name}"
                )
        if self._refused_at is None or self._elapsed() - self._refused_at >= REFUSED_SECONDS:
            self._refused_at, self.trouble = None, ""
        return told

    def _make(self, name: str, offer: Offer) -> str | None:
        """Make a Job; None if it is made. If an old one has its name: how that ended, or '' if it runs."""
        if self._jobs.create(job_manifest(offer, self._template)):
            return None
        found = self._jobs.read(name)
        if found is None or (found.get("metadata") or {}).get("deletionTimestamp"):
            return ""
        ended = _end_of(found)
        if ended:  # no host has its attempt: otherwise the leader would not offer it
            self._jobs.delete(name)
        return ended

    def _waits(self, name: str) -> bool:
        return self._put_off.get(name, (0, 0.0))[1] > self._elapsed()

    def _wait_longer(self, name: str) -> None:
        now, (count, _) = self._elapsed(), self._put_off.get(name, (0, 0.0))
        wait = min(FIRST_WAIT_SECONDS * 2**count, LONGEST_WAIT_SECONDS)
        self._put_off[name] = (count + 1, now + wait)
        for one, (_, until) in [*self._put_off.items()]:
            if until + LONGEST_WAIT_SECONDS < now:  # it has been made, or is not needed any more
                del self._put_off[one]

    def _remove_jobs(self, until: float) -> None:
        with self._lock:
            waiting = [*self._removals]
        for name in waiting:
            if self._elapsed() >= until:
                return
            self._jobs.delete(name)
            with self._lock:
                self._removals.pop(name, None)

    def _drop(self, name: str, offer: Offer) -> None:
        with self._lock:
            if self._offers.get(name) is offer:
                del self._offers[name]


def _end_of(job: Mapping[str, Any]) -> str | None:
    """How a Job has ended, in words; None while it has not."""
    for one in (job.get("status") or {}).get("conditions") or ():
        if one.get("type") in ("Complete", "Failed") and one.get("status") == "True":
            return printable(f"{one.get('reason') or one['type']} {one.get('message') or ''}")[:MAX_WORDS]
    return None


def make_cluster(environ: Mapping[str, str]) -> KubernetesCluster:
    """The cluster that the environment names. Raises WrongUsageError for an invalid value."""
    account = Path(environ.get(ACCOUNT, "") or DEFAULT_ACCOUNT)
    jobs = Jobs(_address(environ), account=account, namespace=_namespace(environ, account))
    if not environ.get(POD, ""):
        raise WrongUsageError(
            f"JOBFILE_CARRIER=kubernetes needs the template of its pods: name the file in {POD}, as in  "
            "jobfile export kubernetes"
        )
    return KubernetesCluster(jobs, template_of(Path(environ[POD])), slots=_slots(environ))


def template_of(path: Path) -> Manifest:
    """The template of pods in a file. Raises WrongUsageError, or UnreadableFileError."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_TEMPLATE_BYTES).decode()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "it is not UTF-8"
        raise UnreadableFileError(f"the template of pods {path} cannot be read ({why})") from error
    return read_template(str(path), text)


def _address(environ: Mapping[str, str]) -> str:
    if given := environ.get(API, ""):
        return given
    host = environ.get("KUBERNETES_SERVICE_HOST", "")
    if not host:
        raise WrongUsageError(
            f"JOBFILE_CARRIER=kubernetes is for a scheduler in a pod; name the API in {API} for one outside"
        )
    port = environ.get("KUBERNETES_SERVICE_PORT", "") or "443"
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _namespace(environ: Mapping[str, str], account: Path) -> str:
    found = environ.get(NAMESPACE, "")
    if not found:
        with suppress(OSError, UnicodeDecodeError):
            found = (account / "namespace").read_text("ascii").strip()
    found = found or "default"
    if _NAMESPACE.fullmatch(found) is None:
        raise WrongUsageError(f"{NAMESPACE} is `{printable(found)}`, which cannot be the name of a namespace")
    return found


def _slots(environ: Mapping[str, str]) -> int:
    text = environ.get(SLOTS, "")
    if not text:
        return DEFAULT_SLOTS
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS and 1 <= int(text) <= MAX_SLOTS):
        raise WrongUsageError(f"{SLOTS} is `{printable(text)}`; expected a number from 1 to {MAX_SLOTS:,}")
    return int(text)
