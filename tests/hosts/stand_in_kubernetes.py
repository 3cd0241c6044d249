"""A stand-in for the API server of Kubernetes, and for what runs a Job: NOT Kubernetes itself.

It is a small HTTPS server that keeps Jobs, checks the little of them that jobfile relies on, and answers as
the documentation of the API says. It may refuse, fail, hang, cut connections or be away. It "runs" a Job by
starting the program of its container as a process, with its arguments and environment and a state folder of
its own; `kill` ends a pod and all that it has started at once, as when its node loses its power.
"""

import json
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.acceptance.warm import JOBFILE, Jobfile
from tests.web_servers import Certificates

NAMESPACE = "jobs"
TOKEN = "token-of-the-scheduler"
ROOT = f"/apis/batch/v1/namespaces/{NAMESPACE}/jobs"
OWN_PIDS = ("unshare", "--pid", "--fork", "--mount", "--mount-proc", "--kill-child=KILL")
HANGS, CUTS = "hangs", "cuts"


@dataclass
class Pod:
    """A process that was started for a Job."""

    job: str
    process: "subprocess.Popen[str]"
    output: Path

    @property
    def exit_code(self) -> int | None:
        return self.process.poll()

    def said(self) -> str:
        return self.output.read_text()


@dataclass
class Kubernetes:
    """The stand-in."""

    folder: Path
    account: Path
    port: int = 0
    is_running_pods: bool = False
    secrets: Mapping[str, str] = field(default_factory=dict)
    """What `secretKeyRef` gives, by key."""
    environ: Mapping[str, str] = field(default_factory=dict)
    """What a node adds to the environment: PATH, and shorter leases."""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    trouble: Callable[[str, str], int | str | None] = lambda _method, _path: None
    """What goes wrong with a request: a status, HANGS, CUTS, or None."""
    is_over: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def settings(self, template: Path) -> dict[str, str]:
        """The environment of a scheduler."""
        return {
            "JOBFILE_CARRIER": "kubernetes",
            "JOBFILE_KUBERNETES_API": self.url,
            "JOBFILE_KUBERNETES_ACCOUNT": str(self.account),
            "JOBFILE_KUBERNETES_POD": str(template),
        }

    def create(self, job: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        name, spec = job["metadata"]["name"], job["spec"]
        if spec["template"]["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
            return 422, _failure("Job is invalid: spec.template.spec.restartPolicy: Required value")
        with self.lock:
            if name in self.jobs:
                return 409, _failure(f'jobs.batch "{name}" already exists')
            self.jobs[name] = job | {"status": {}}
        if self.is_running_pods:
            self.start(name)
        return 201, job

    def start(self, name: str, *, is_alone: bool = False) -> Pod:
        """Start a pod of a Job; Kubernetes may do that twice. With `is_alone`, `kill` ends all in it."""
        pod = self.jobs[name]["spec"]["template"]["spec"]
        [container] = pod["containers"]
        env = {
            one["name"]: one.get("value") or self.secrets[one["valueFrom"]["secretKeyRef"]["key"]]
            for one in container.get("env", ())
        }
        program, *arguments = container["args"]
        assert program == "jobfile"
        number = len(self.pods)
        output = self.folder / f"{name}.{number}.out"
        with output.open("w") as file:
            begin = subprocess.Popen if is_alone else Jobfile
            process = begin(
                [*(OWN_PIDS if is_alone else ()), JOBFILE, *arguments],
                cwd=container["workingDir"],
                env={
                    **self.environ,
                    "JOBFILE_STATE": str(self.folder / f"state-{number}"),
                    **env,
                },
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                text=True,
            )
        made = Pod(name, process, output)
        with self.lock:
            self.pods.append(made)
        threading.Thread(target=self._watch, args=(made,), daemon=True).start()
        return made

    def kill(self, pod: Pod) -> None:
        """The node of a pod is gone, with all that ran in it."""
        pod.process.kill()
        pod.process.wait()

    def _watch(self, pod: Pod) -> None:
        while (code := pod.exit_code) is None:  # not `wait`, which would keep others from asking
            self.is_over.wait(0.05)
        with self.lock:
            job = self.jobs.get(pod.job)
            if job is not None:
                how = (
                    {"type": "Complete"}
                    if code == 0
                    else {"type": "Failed", "reason": "BackoffLimitExceeded"}
                )
                job["status"] = {"conditions": [how | {"status": "True"}]}

    def delete(self, name: str) -> tuple[int, dict[str, Any]]:
        with self.lock:
            if self.jobs.pop(name, None) is None:
                return 404, _failure(f'jobs.batch "{name}" not found')
            for pod in self.pods:
                if pod.job == name and pod.exit_code is None:
                    pod.process.send_signal(signal.SIGTERM)
        return 200, {}


def _failure(text: str) -> dict[str, Any]:
    return {"kind": "Status", "status": "Failure", "message": text}


@contextmanager
def kubernetes(folder: Path, certificates: Certificates, **settings: Any) -> Iterator[Kubernetes]:
    """Run the stand-in, until the end of the test; then all pods are killed."""
    account = folder / "account"
    account.mkdir(parents=True)
    (account / "token").write_text(f"{TOKEN}\n")
    (account / "namespace").write_text(NAMESPACE)
    (account / "ca.crt").write_bytes(certificates.authority.read_bytes())
    made = Kubernetes(folder, account, **settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.good)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            made.asked.append((self.command, self.path))
            trouble = made.trouble(self.command, self.path)
            if trouble == HANGS:
                made.is_over.wait()
                trouble = CUTS
            if trouble == CUTS:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            status, said = self._decided(body, trouble)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _decided(self, body: dict[str, Any], trouble: object) -> tuple[int, dict[str, Any]]:
            if isinstance(trouble, int):
                return trouble, _failure(
                    f"User cannot {self.command.lower()} jobs" if trouble == 403 else "no"
                )
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, _failure("Unauthorized")
            path, _, name = self.path.partition(f"{ROOT}/")
            match self.command, path:
                case "POST", x if x == ROOT:
                    return made.create(body)
                case "GET", "" if name in made.jobs:
                    return 200, made.jobs[name]
                case "DELETE", "":
                    assert body == {"propagationPolicy": "Background"}, "otherwise its pods stay"
                    return made.delete(name)
            return 404, _failure("not found")

        do_GET = do_POST = do_DELETE = _answer

        def log_message(self, *_: object) -> None: ...

    class Listener(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def get_request(self) -> tuple[Any, Any]:
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, *_: object) -> None: ...

    with Listener(("127.0.0.1", 0), Handler) as listener:
        made.port = listener.server_address[1]
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.is_over.set()
            listener.shutdown()
            thread.join()
            for pod in made.pods:
                made.kill(pod)
