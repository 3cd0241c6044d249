"""A stand-in for an object store with the API of S3, as a process of its own: NOT S3 itself.

It knows the few requests that jobfile makes, and answers as the documentation of S3 says. It does check what
a real store checks first: each request must be signed with AWS Signature Version 4, by a key that it knows,
over the bytes that came, within 15 minutes. Objects are files in a folder, so another process with the same
folder and port has them too: that is how a server is gone and comes back.
"""

import contextlib
import hashlib
import hmac
import os
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

KEY = "AKIAOFTHETESTS000001"
SECRET = "secret/of+the/tests/which+nobody/may/see"
REGION = "eu-north-1"
BUCKET = "shop-jobs"
ALGORITHM = "AWS4-HMAC-SHA256"
TOLERANCE = timedelta(minutes=15)
STAMP = "%Y%m%dT%H%M%SZ"
MOST_LISTED = 100
"""Objects in one page of a listing: fewer than in S3, so that tests have several pages."""


class Asked(NamedTuple):
    """A request, as far as its signature is about it."""

    method: str
    path: str
    """As it came, percent-encoded."""
    query: str
    headers: Mapping[str, str]
    """By names in small letters."""
    body: bytes


class RefusedError(Exception):
    """Why a request gets no answer: a status, and a code of S3."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def signature_of(asked: Asked, names: list[str], scope: str, secret: str) -> str:
    """The signature that a request must have: AWS General Reference, Signature Version 4."""
    pairs = sorted(part.partition("=")[::2] for part in asked.query.split("&") if part)
    canonical = "\n".join(
        [
            asked.method,
            asked.path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(asked.headers[name].split())}" for name in names),
            "",
            ";".join(names),
            asked.headers["x-amz-content-sha256"],
        ]
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join([ALGORITHM, asked.headers["x-amz-date"], scope, digest])
    key = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def check(asked: Asked, keys: Mapping[str, str], *, now: datetime) -> None:
    """Refuse a request that is not signed by a known key, or is not the one that was signed."""
    given = asked.headers.get("authorization", "")
    algorithm, _, rest = given.partition(" ")
    about = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if algorithm != ALGORITHM or not about.keys() >= {"Credential", "SignedHeaders", "Signature"}:
        raise RefusedError(403, "AccessDenied")
    key, _, scope = about["Credential"].partition("/")
    names = about["SignedHeaders"].split(";")
    if key not in keys:
        raise RefusedError(403, "InvalidAccessKeyId")
    if {"host", "x-amz-date", "x-amz-content-sha256"} - {*names} or not {*names} <= asked.headers.keys():
        raise RefusedError(403, "AccessDenied")
    stamp = asked.headers["x-amz-date"]
    if abs(datetime.strptime(stamp, STAMP).replace(tzinfo=UTC) - now) > TOLERANCE:
        raise RefusedError(403, "RequestTimeTooSkewed")
    if scope != f"{stamp[:8]}/{REGION}/s3/aws4_request":
        raise RefusedError(400, "AuthorizationHeaderMalformed")
    if not hmac.compare_digest(about["Signature"], signature_of(asked, names, scope, keys[key])):
        raise RefusedError(403, "SignatureDoesNotMatch")
    said = asked.headers["x-amz-content-sha256"]
    if said not in ("UNSIGNED-PAYLOAD", hashlib.sha256(asked.body).hexdigest()):
        raise RefusedError(400, "XAmzContentSHA256Mismatch")


class Bucket:
    """Objects as files, each named by its quoted name, and parts of those that come in several."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = folder.parent / f"{folder.name}.parts"

    def file(self, name: str) -> Path:
        return self.folder / urllib.parse.quote(name, safe="")

    def put(self, name: str, content: bytes) -> str:
        new = self.folder.parent / f"{os.getpid()}-{hashlib.sha256(os.urandom(16)).hexdigest()}.new"
        new.write_bytes(content)
        new.rename(self.file(name))
        return _tag(content)

    def names(self, prefix: str) -> list[str]:
        found = (urllib.parse.unquote(name) for name in os.listdir(self.folder))
        return sorted(name for name in found if name.startswith(prefix))

    def begin(self) -> str:
        upload = os.urandom(8).hex()
        (self.parts / upload).mkdir(parents=True)
        return upload

    def complete(self, name: str, upload: str, body: bytes) -> str:
        asked = [one.text for one in ElementTree.fromstring(body).iter() if one.tag.endswith("PartNumber")]
        tag = self.put(name, b"".join((self.parts / upload / str(one)).read_bytes() for one in asked))
        shutil.rmtree(self.parts / upload)
        return tag


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


class Handler(BaseHTTPRequestHandler):
    """Answers requests in the style `/BUCKET/NAME`."""

    protocol_version = "HTTP/1.1"
    root: Path
    keys: Mapping[str, str]

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("content-length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.command, path, query, headers, body)
        try:
            check(asked, self.keys, now=datetime.now(UTC))
            bucket, _, name = urllib.parse.unquote(path).lstrip("/").partition("/")
            if not bucket or not (self.root / bucket).is_dir():
                raise RefusedError(404, "NoSuchBucket")  # noqa: TRY301  all refusals are answered alike
            self._act(Bucket(self.root / bucket), name, dict(urllib.parse.parse_qsl(query, True)), body)
        except RefusedError as error:
            said = f"<Error><Code>{error.code}</Code><Message>{error.code}</Message></Error>"
            self._say(error.status, said.encode())

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer

    def _act(self, bucket: Bucket, name: str, query: dict[str, str], body: bytes) -> None:
        match self.command, name:
            case "GET", "" if query.get("list-type") == "2":
                self._list(bucket, query)
            case "POST", "" if "delete" in query:
                self._delete(bucket, body)
            case "GET" | "HEAD", _ if name:
                self._get(bucket.file(name))
            case "PUT", _ if name and "uploadId" in query:
                (bucket.parts / query["uploadId"] / query["partNumber"]).write_bytes(body)
                self._say(200, tag=_tag(body))
            case "PUT", _ if name:
                self._say(200, tag=bucket.put(name, body))
            case "POST", _ if "uploads" in query:
                self._say_result("InitiateMultipartUpload", f"<UploadId>{bucket.begin()}</UploadId>")
            case "POST", _ if "uploadId" in query:
                tag = escape(bucket.complete(name, query["uploadId"], body))
                self._say_result("CompleteMultipartUpload", f"<ETag>{tag}</ETag>")
            case "DELETE", _ if name:
                bucket.file(name).unlink(missing_ok=True)
                self._say(204)
            case _:
                raise RefusedError(501, "NotImplemented")

    def _get(self, file: Path) -> None:
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            raise RefusedError(404, "NoSuchKey") from None
        self._say(200, content, tag=_tag(content), written=file.stat().st_mtime)

    def _list(self, bucket: Bucket, query: dict[str, str]) -> None:
        after = query.get("continuation-token", "")
        names = [name for name in bucket.names(query.get("prefix", "")) if name > after]
        said = "".join(_listed(name, bucket.file(name)) for name in names[:MOST_LISTED])
        said += f"<IsTruncated>{str(len(names) > MOST_LISTED).lower()}</IsTruncated>"
        if len(names) > MOST_LISTED:
            said += f"<NextContinuationToken>{escape(names[MOST_LISTED - 1])}</NextContinuationToken>"
        self._say_result("ListBucket", said)

    def _delete(self, bucket: Bucket, body: bytes) -> None:
        names = [one.text or "" for one in ElementTree.fromstring(body).iter() if one.tag.endswith("Key")]
        for name in names:
            bucket.file(name).unlink(missing_ok=True)
        said = "".join(f"<Deleted><Key>{escape(name)}</Key></Deleted>" for name in names)
        self._say_result("Delete", said)

    def _say_result(self, name: str, inner: str) -> None:
        self._say(200, f"<{name}Result>{inner}</{name}Result>".encode())

    def _say(self, status: int, content: bytes = b"", *, tag: str = "", written: float = 0.0) -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", self.date_time_string(written))
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _listed(name: str, file: Path) -> str:
    content, at = file.read_bytes(), datetime.fromtimestamp(file.stat().st_mtime, UTC)
    about = f"<Key>{escape(name)}</Key><LastModified>{at:%Y-%m-%dT%H:%M:%S.000Z}</LastModified>"
    return f"<Contents>{about}<ETag>{escape(_tag(content))}</ETag><Size>{len(content)}</Size></Contents>"


class ObjectServer:
    """A running stand-in, which a test may stop and start again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.make_bucket(BUCKET)

    @property
    def environ(self) -> dict[str, str]:
        """What a user sets to reach it."""
        return {
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ALLOW_HTTP": "true",
        }

    def make_bucket(self, name: str) -> str:
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        return f"s3://{name}/outputs"

    def objects(self, bucket: str = BUCKET) -> list[str]:
        return Bucket(self.folder / bucket).names("")

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self.folder), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[1],
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def stop(self) -> None:
        """Be gone at once, as when the power fails."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


@contextlib.contextmanager
def object_server(folder: Path) -> Iterator[ObjectServer]:
    """A stand-in for the `with` block."""
    made = ObjectServer(folder)
    made.start()
    try:
        yield made
    finally:
        made.stop()


def main(folder: str, port: str) -> None:
    """Serve until the process that started this one has ended: then its pipe is closed."""
    Handler.root, Handler.keys = Path(folder), {KEY: SECRET}
    with ThreadingHTTPServer(("127.0.0.1", int(port)), Handler) as server:
        print(server.server_address[1], flush=True)
        threading.Thread(target=_end_with_parent, daemon=True).start()
        server.serve_forever()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
