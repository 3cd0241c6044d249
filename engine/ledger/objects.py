"""The output and artifacts of attempts in an object store; the only module that imports obstore."""

import re
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import AzureStore, from_url

from engine.core.errors import OutputsUnavailableError
from engine.core.lifecycle import AttemptKey
from engine.core.pieces import LOG, PIECE_BYTES, CopyLimits, Piece, Whereabouts

LIMITS: Final = CopyLimits(copy_bytes=2**30, copies_bytes=2**30, piece_bytes=8 * 2**20)
"""The limits of artifacts: as large as a supervisor copies them, in few objects."""
LEVEL: Final = 1
AT_ONCE: Final = 8
"""How many objects are written at the same time."""
READ_BYTES: Final = 2**20
"""Number of bytes that are read at once, with the rest of the last object."""
DIGITS: Final = 6
"""Digits of the number of a piece: names are listed in their order."""
MAX_SAID: Final = 300
"""Maximum length of what a store says about an error."""
DEBUG: Final = "Debug source:"
"""Begins the part of an error that is for the developers of the package."""
METADATA: Final = "169.254.169.254"
"""Where machines of a cloud get credentials; a store asks there when the environment has none."""
CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_SERVICE_ACCOUNT to a file with the key of a service account",
    "az": "AZURE_STORAGE_ACCOUNT_KEY",
}
REFUSALS: Final = {
    "AccessDenied": "give the key the right to list, read, write and delete objects there",
    "AuthenticationFailed": "set AZURE_STORAGE_ACCOUNT_KEY to the key of that account",
    "AuthorizationFailure": "set AZURE_STORAGE_ACCOUNT_KEY to the key of that account",
    "AuthorizationHeaderMalformed": "set AWS_REGION to the region of the bucket",
    "ContainerNotFound": "make the container, or name another one",
    "InvalidAccessKeyId": "set AWS_ACCESS_KEY_ID to a key that the store knows",
    "NoSuchBucket": "make the bucket, or name another one",
    "PermanentRedirect": "set AWS_REGION to the region of the bucket",
    "RequestTimeTooSkewed": "set the clock of this machine",
    "SignatureDoesNotMatch": "set AWS_SECRET_ACCESS_KEY to the secret of that key",
}
"""What to do about a refusal, by its code in the API of S3 or Azure."""
NO_TLS: Final = {"s3": "AWS_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
"""The variables that allow a URL with http://, which is refused otherwise."""
NOT_BUILT: Final = "builder error"
"""What a store says about such a URL."""
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_REQUEST: Final = re.compile(r".*Error performing [A-Z]+ \S+ in [^-]* - ")
"""Names the request, with the long name of an object; what comes after it is the reason."""
RETRIES: Final["RetryConfig"] = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
"""How often a request is repeated: a command should soon say that the store is away."""


if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ObjectStore, RetryConfig


class ObjectOutputs:
    """Implements `Outputs`. Each piece is an object: ab/RUN/ATTEMPT/COPY/NUMBER."""

    limits = LIMITS

    def __init__(self, url: str) -> None:
        """Name the store. Its other settings come from the environment, as they do for its own tools."""
        self._url = url
        self._seen: dict[str, object] = {}
        """For each output, the version of the last piece that was read: this piece may grow."""
        with self._explaining_errors():
            self._store = _store_of(url)

    def append(self, pieces: Sequence[Piece], *, host: str) -> None:  # noqa: ARG002  nothing here knows hosts
        def put(piece: Piece) -> None:
            name = f"{_folder(piece.attempt, piece.copy)}{piece.seq:0{DIGITS}}"
            obstore.put(self._store, name, zlib.compress(piece.content, LEVEL))

        with self._explaining_errors(), ThreadPoolExecutor(min(AT_ONCE, len(pieces))) as pool:
            for _ in pool.map(put, pieces):
                pass

    def sent(self, attempt: AttemptKey, *, copy: int) -> Whereabouts:
        with self._explaining_errors():
            for one in reversed(self._listed(_folder(attempt, copy))):
                return Whereabouts(_seq(one), len(self._content(one)))
        return Whereabouts()

    def read(self, attempt: AttemptKey, *, copy: int, seq: int, size: int, limit: int) -> Sequence[Piece]:
        found: list[Piece] = []
        folder, total = _folder(attempt, copy), 0
        with self._explaining_errors():
            for one in self._listed(folder):
                if _seq(one) < seq or (_seq(one) == seq and size and self._seen.get(folder) == one["e_tag"]):
                    continue
                content = self._content(one)
                self._seen[folder] = one["e_tag"]
                if len(content) > (size if _seq(one) == seq else 0):
                    found.append(Piece(attempt, copy, _seq(one), content))
                    total += len(content)
                if len(found) == limit or total >= READ_BYTES:
                    break
        return found

    def stored_bytes(self, attempt: AttemptKey) -> int:
        with self._explaining_errors():
            found = self._listed(_folder(attempt, LOG))
            # An object says how large it is when compressed; but all pieces except the last have one size.
            return (len(found) - 1) * PIECE_BYTES + len(self._content(found[-1])) if found else 0

    def lengths(self, attempt: AttemptKey) -> Sequence[Whereabouts]:
        with self._explaining_errors():
            found = self._listed(_folder(attempt, LOG))
            last = len(self._content(found[-1])) if found else 0
            return [
                *(Whereabouts(_seq(one), PIECE_BYTES) for one in found[:-1]),
                *(Whereabouts(_seq(one), last) for one in found[-1:]),
            ]

    def drop_passed(self, attempt: AttemptKey, *, first: int, before: int, host: str) -> None:  # noqa: ARG002  as above
        with self._explaining_errors():
            self._delete([one for one in self._listed(_folder(attempt, LOG)) if first <= _seq(one) < before])

    def drop(self, run_id: str, *, logs: bool) -> int:
        with self._explaining_errors():
            found = self._listed(_of_run(run_id))
            if not logs:
                found = [one for one in found if one["path"].split("/")[-2] != str(LOG)]
            self._delete(found)
        return sum(one["size"] for one in found)

    def total_bytes(self) -> int:
        with self._explaining_errors():
            return sum(one["size"] for some in obstore.list(self._store) for one in some)

    def _listed(self, prefix: str) -> "list[ObjectMeta]":
        found: list[ObjectMeta] = []
        for some in obstore.list(self._store, prefix=prefix):
            found += (one for one in some if _is_piece(one["path"]))
        return sorted(found, key=lambda one: str(one["path"]))

    def _content(self, one: "ObjectMeta") -> bytes:
        """The content of a piece; empty if it is gone or damaged."""
        try:
            packed = bytes(obstore.get(self._store, one["path"]).bytes())
            return zlib.decompressobj().decompress(packed, LIMITS.piece_bytes)
        except (NotFoundError, zlib.error):
            return b""

    def _delete(self, found: "Sequence[ObjectMeta]") -> None:
        if found:
            obstore.delete(self._store, [one["path"] for one in found])

    @contextmanager
    def _explaining_errors(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, OSError, ValueError) as error:
            said = _reason(str(error), scheme=self._url.partition(":")[0])
            raise OutputsUnavailableError(f"the outputs in {self._url} cannot be reached ({said})") from error


def _reason(said: str, *, scheme: str) -> str:
    """What is wrong, in what a store says about an error; and what to do, if that is known."""
    said = " ".join(said.partition(DEBUG)[0].split())
    if METADATA in said:
        names = CREDENTIALS.get(scheme, "the variables of the store's own tools")
        return f"no credentials: set {names} (the cloud gives this machine none)"
    if NOT_BUILT in said and scheme in NO_TLS:
        return f"the store has no TLS: set {NO_TLS[scheme]}=true in a network that nobody else can enter"
    code = _CODE.search(said)
    if code is not None and code[1] in REFUSALS:
        return f"it says {code[1]}: {REFUSALS[code[1]]}"
    return _REQUEST.sub("", said)[:MAX_SAID]


def _store_of(url: str) -> "ObjectStore":
    """The store that a URL names. Raises BaseError for one that names none."""
    scheme, _, place = url.partition("://")
    if scheme == "file":
        return from_url(url, mkdir=True)
    if scheme != "az":
        return from_url(url, retry_config=RETRIES)
    # The package reads the first part as a container, not as an account.
    account, _, rest = place.partition("/")
    container, _, prefix = rest.partition("/")
    if not account or not container:
        raise ValueError("it names no container; expected az://ACCOUNT/CONTAINER/PREFIX")
    return AzureStore(container, prefix=prefix or None, account_name=account, retry_config=RETRIES)


def _of_run(run_id: str) -> str:
    return f"{run_id[:2]}/{run_id}/"


def _folder(attempt: AttemptKey, copy: int) -> str:
    return f"{_of_run(attempt.run_id)}{attempt.folder}/{copy}/"


def _is_piece(path: str) -> bool:
    return path.rpartition("/")[2].isdecimal()


def _seq(one: "ObjectMeta") -> int:
    return int(one["path"].rpartition("/")[2])
