"""The server as a real process: sockets and who is at them, slow and many clients, signals."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.asking.place import Place
from engine.cli.serving import serve_options
from engine.core.access import Role
from engine.core.errors import JobfileError, WrongUsageError
from engine.web.addresses import Listen, allowed_hosts, parse_listen, refuse_open
from engine.web.certificates import Renewal, tls_context
from engine.web.guard import SECURITY
from engine.web.limits import (
    MAX_CONNECTIONS,
    MAX_HEADER_BYTES,
    MAX_STREAMS,
    MAX_UNDER_WAY,
    MAX_UNDER_WAY_OF_ONE,
    REQUEST_SECONDS,
)
from engine.web.serving import STOP_SECONDS, Options, make_site, open_tcp, read_address, write_address
from tests.acceptance.engines import PATIENCE, say, until
from tests.cli.test_files import fits
from tests.web.served import Served, children_of, read_all, served
from tests.web_servers import Certificates, make_certificates

TABS = 200
STREAMS = 50
MAX_KIB = 200 * 1024

JOBS = "version: 1\njobs:\n  hello: {run: echo hi}\n"
QUICK_SECONDS = 5.0
"""How long a good request may take while others are bad, on a busy machine."""
QUIET_SECONDS = 0.3
"""How long no answer shows that a request waits."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served")
    (made / "jobs.yaml").write_text(JOBS)
    assert say(made, "apply", "--yes").returncode == 0
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Served]:
    with served(folder, "--listen", "127.0.0.1:0") as found:
        yield found


def is_quick(server: Served) -> None:
    before = time.monotonic()
    assert " 200 OK" in server.get()
    assert time.monotonic() - before < QUICK_SECONDS


def test_at_an_address_everyone_needs_a_token(server: Served) -> None:
    assert " 401 " in server.get(token="")
    assert " 200 OK" in server.get()
    assert " 421 " in server.get(host="evil.example")
    assert stat.S_IMODE((server.state / "token").stat().st_mode) == 0o600


def test_the_answer_names_no_program_and_no_version(server: Served) -> None:
    head = server.get().partition("\r\n\r\n")[0].lower()
    assert "server:" not in head
    assert "uvicorn" not in head


def test_a_client_that_sends_slowly_is_given_up(server: Served) -> None:
    """Slowloris: a head, or a body, of which a byte comes now and then."""
    head, body, idle, call = (server.connect() for _ in range(4))
    head.sendall(b"GET /jobs HTTP/1.1\r\nHost: x\r\n")
    body.sendall(
        server.request("/login").replace(b"GET", b"POST").rstrip() + b"\r\nContent-Length: 100\r\n\r\na"
    )
    call.sendall(
        server.request("/hooks/x", token="").replace(b"GET", b"POST").rstrip()
        + b"\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"
    )
    began = time.monotonic()
    for one in (head, body, idle, call):
        one.settimeout(REQUEST_SECONDS + PATIENCE)
        read_all(one)
        one.close()
    assert time.monotonic() - began < REQUEST_SECONDS + PATIENCE / 2
    is_quick(server)


def test_many_idle_connections_keep_nobody_out(server: Served) -> None:
    idle = [server.connect() for _ in range(MAX_CONNECTIONS + 200)]
    is_quick(server)
    assert idle[0].recv(1) == b""  # the one that had waited longest was closed
    for one in idle:
        one.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /jobs HTTP/1.1\r\nHost: x\r\nX: " + b"a" * (4 * MAX_HEADER_BYTES) + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /jobs HTTP/9.9\r\n\r\n",
        b"GET  /jobs HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /jobs HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /jobs HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"\0" * 100,
    ],
)
def test_bytes_that_are_not_a_request_are_refused_and_the_server_continues(
    server: Served, sent: bytes
) -> None:
    with server.connect() as connection:
        with contextlib.suppress(OSError):  # it may be closed before all is sent
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        answer = read_all(connection)
    assert answer == "" or answer.split()[1] in ("400", "421", "431"), answer
    for name, value in SECURITY.items() if answer else ():
        assert f"{name}: {value}\r\n".lower() in answer.lower()
    is_quick(server)


def test_what_is_no_request_fills_no_log(folder: Path) -> None:
    with served(folder, "--listen", "127.0.0.1:0") as server:
        for _ in range(3):
            with server.connect() as connection:
                connection.sendall(b"\0" * 100)
                assert " 400 " in read_all(connection)
        server.process.terminate()
        server.process.wait(PATIENCE)
        assert server.process.stdout is not None
        assert server.process.stdout.read() == ""


def test_a_body_that_breaks_off_inside_of_an_answer_puts_no_second_answer_into_it(server: Served) -> None:
    with server.connect() as connection:
        request = server.request("/live").replace(b"Connection: close", b"Transfer-Encoding: chunked")
        connection.sendall(request)
        found = b""
        while b": alive" not in found:
            found += connection.recv(4_096)
        connection.sendall(b"ZZ\r\n")
        assert "HTTP/1.1" not in read_all(connection)


def test_no_user_takes_every_connection_with_requests_that_wait(folder: Path) -> None:
    """One who may only look could keep out all others."""
    assert MAX_STREAMS < MAX_UNDER_WAY_OF_ONE < MAX_UNDER_WAY < MAX_CONNECTIONS
    few = "import engine.web.under_way as u, engine.cli.main as m; u.MAX_UNDER_WAY_OF_ONE = 3; m.main()"
    with served(folder, "--listen", "127.0.0.1:0", code=few) as server, contextlib.ExitStack() as stack:
        tabs = [stack.enter_context(server.connect()) for _ in range(3)]
        for tab in tabs:
            tab.sendall(server.request("/live"))
            assert b" 200 OK" in tab.recv(4_096)
        answer = server.get()
        assert " 429 " in answer
        assert "retry-after: 30" in answer
        assert " 200 OK" in server.get("/healthz", token="")
        for tab in tabs:
            tab.close()
        until(lambda: " 200 OK" in server.get())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_no_answer_waits_for_the_client_to_confirm_a_part_of_it(host: str) -> None:
    """Head and body are two writes: without TCP_NODELAY, each answer on a kept connection took 40 ms more."""

    async def has_no_delay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            found.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = open_tcp(Listen(host, 0))
        async with await asyncio.start_server(connected, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname()[:2])
            writer.close()
            return await found

    assert asyncio.run(has_no_delay())


def test_a_page_of_an_open_tab_hears_of_a_change(server: Served, folder: Path) -> None:
    with server.connect() as connection:
        connection.sendall(server.request("/live"))
        found = b""
        while b": alive" not in found:
            found += connection.recv(4_096)
        assert b"text/event-stream" in found
        assert say(folder, "pause", "hello").returncode == 0
        while b"event: changed" not in found:
            found += connection.recv(4_096)
    assert say(folder, "resume", "hello").returncode == 0


def test_two_hundred_open_tabs_hear_of_a_change_and_cost_little_memory(folder: Path) -> None:
    """No engine is running here: tabs ask the server alone, and it looks at the ledger once for all."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(served(folder, "--listen", "127.0.0.1:0"))
        tabs = [stack.enter_context(server.connect()) for _ in range(TABS)]
        for tab in tabs:
            tab.sendall(server.request("/live"))
        heard = [b""] * TABS

        def hear(words: bytes) -> None:
            for number, tab in enumerate(tabs):
                while words not in heard[number]:
                    part = tab.recv(4_096)
                    assert part, heard[number]
                    heard[number] += part

        hear(b": alive")
        server.get("/")
        assert say(folder, "pause", "hello").returncode == 0
        hear(b"event: changed")
        processes = (server.process.pid, *children_of(server.process.pid))
        assert len(processes) == 1 + 1  # the one beside it computes answers
        assert sum(map(peak_kib, processes)) < MAX_KIB
    assert say(folder, "resume", "hello").returncode == 0


def peak_kib(process: int) -> int:
    """The most memory that a process has taken."""
    about = Path(f"/proc/{process}/status").read_text()
    (peak,) = [int(line.split()[1]) for line in about.splitlines() if line.startswith("VmHWM:")]
    return peak


def test_it_ends_at_once_when_it_is_asked_to(folder: Path) -> None:
    with served(folder, "--listen", "127.0.0.1:0") as server:
        stream = server.connect()
        stream.sendall(server.request("/live"))
        assert stream.recv(10)
        assert read_address(server.state) == server.url
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(PATIENCE)
        assert not (server.state / "web.address").exists()
        stream.close()


def test_it_ends_at_once_and_says_nothing_whoever_still_waits(folder: Path) -> None:
    """Open tabs, a program that waits for a run, and a client that has sent a part of its request."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(served(folder, "--listen", "127.0.0.1:0"))
        assert say(folder, "run", "hello", "--detach").returncode == 0
        tabs = [stack.enter_context(server.connect()) for _ in range(STREAMS)]
        for tab in tabs:
            tab.sendall(server.request("/live"))
            heard_until(tab, b": alive")
        (run,) = json.loads(server.get("/api/v1/runs?limit=1").partition("\r\n\r\n")[2])["runs"]
        waiting, slow = (stack.enter_context(server.connect()) for _ in range(2))
        waiting.sendall(server.request(f"/api/v1/runs/{run['id']}?wait=60s"))
        slow.sendall(server.request("/login").replace(b"GET", b"POST").rstrip())
        slow.sendall(b"\r\nContent-Length: 100\r\n\r\na")
        waiting.settimeout(QUIET_SECONDS)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        waiting.settimeout(PATIENCE)
        took, said = ended(server)
        assert (took < STOP_SECONDS, said) == (True, "")
        assert all(read_all(tab).endswith("0\r\n\r\n") for tab in tabs)  # whole answers
        assert " 200 OK" in read_all(waiting)


def test_an_answer_that_is_cut_off_at_the_end_is_no_error(folder: Path) -> None:
    slow = (
        "import time, engine.web.pages.jobs as j, engine.web.serving as s, engine.cli.main as m;"
        "s.STOP_SECONDS = 0.1; j.answer = lambda _: time.sleep(1); m.main()"
    )
    with served(folder, "--listen", "127.0.0.1:0", code=slow) as server, server.connect() as waiting:
        waiting.sendall(server.request("/jobs"))
        waiting.settimeout(QUIET_SECONDS)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        assert ended(server)[1] == ""


def ended(server: Served) -> tuple[float, str]:
    """Stop the server; how long that took, and what it had printed."""
    began = time.monotonic()
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(PATIENCE)
    assert server.process.stdout is not None
    return time.monotonic() - began, server.process.stdout.read()


def heard_until(connection: socket.socket, words: bytes) -> None:
    found = b""
    while words not in found:
        part = connection.recv(4_096)
        assert part, found
        found += part


def test_at_the_socket_the_user_of_this_machine_needs_no_token(folder: Path) -> None:
    with served(folder) as server:
        path = server.state / "web.sock"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        answer = at_socket(path, "GET", "/api/v1/status")
        assert " 200 OK" in answer
        assert " 202 " in at_socket(path, "POST", "/api/v1/jobs/hello/runs", "{}")
        audit = json.loads(say(folder, "audit", "--limit", "1", "--json").stdout)
        assert audit["records"][0]["actor"] == Place(main_file=folder, state_dir=server.state).user
        assert " 421 " in at_socket(path, "GET", "/jobs", host="evil.example")
        second = say(folder, "serve")
        assert (second.returncode, "is served at" in second.stderr) == (1, True)
        server.process.kill()
        server.process.wait(PATIENCE)
        assert path.exists()
    with served(folder):  # a socket that is left over is replaced
        assert " 200 OK" in at_socket(path, "GET", "/jobs")


def test_a_different_user_gets_no_access_even_if_the_folder_is_open(folder: Path) -> None:
    """The kernel says who is at the socket. Needs root, to be a different user."""
    assert os.geteuid() == 0
    with served(folder) as server:
        for one in (folder, server.state, *folder.parents[:3]):
            one.chmod(0o711)
        (server.state / "web.sock").chmod(0o666)
        program = (
            "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]);"
            "s.sendall(b'GET /jobs HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n');"
            "sys.exit(0 if s.recv(100) == b'' else 1)"
        )
        words = ["setpriv", "--reuid=65534", "--clear-groups", "/usr/bin/python3", "-c", program]
        done = subprocess.run([*words, str(server.state / "web.sock")], capture_output=True, text=True)
        (server.state / "web.sock").chmod(0o600)
        server.state.chmod(0o700)
        assert done.returncode == 0 or "ConnectionReset" in done.stderr or "BrokenPipe" in done.stderr, done


def at_socket(path: Path, method: str, target: str, body: str = "", *, host: str = "localhost") -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(path))
        head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        connection.sendall(f"{head}\r\n{body}".encode())
        return read_all(connection)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def test_over_tls_it_answers_for_the_names_it_was_given(folder: Path, certificates: Certificates) -> None:
    certificates.good.chmod(0o600)
    pair = ("--tls-cert", str(certificates.good), "--tls-key", str(certificates.good))
    with served(folder, "--listen", "127.0.0.1:0", "--host", "localhost", *pair) as server:
        context = ssl.create_default_context(cafile=certificates.authority)
        with context.wrap_socket(server.connect(), server_hostname="localhost") as connection:
            connection.sendall(server.request("/jobs", host=f"localhost:{server.port}"))
            assert " 200 OK" in read_all(connection)
        plain = server.get()
        assert " 200 " not in plain


def test_a_new_certificate_is_used_without_a_restart(tmp_path: Path, certificates: Certificates) -> None:
    pair = tmp_path / "pair.pem"
    pair.write_bytes(certificates.good.read_bytes())
    pair.chmod(0o600)
    renewal = Renewal(tls_context(pair, pair), pair, pair)
    assert not renewal.look()
    pair.write_bytes(certificates.other.read_bytes()[:-40])  # half written
    assert not renewal.look()
    pair.write_bytes(certificates.other.read_bytes())
    assert renewal.look()
    assert not renewal.look()
    pair.chmod(0o644)
    with pytest.raises(JobfileError, match="chmod 600"):
        tls_context(pair, pair)


@pytest.mark.parametrize(
    ("listen", "more", "words"),
    [
        ("0.0.0.0:80", {}, "unencrypted"),
        ("10.0.0.1:80", {"hosts": ("jobs.example",)}, "unencrypted"),
        ("[::]:443", {"has_tls": True}, "--host"),
        ("0.0.0.0:80", {"is_behind_proxy": True}, "--host"),
    ],
)
def test_an_address_that_others_reach_needs_tls_and_a_name(
    listen: str, more: dict[str, object], words: str
) -> None:
    settings = {"has_tls": False, "is_behind_proxy": False, "hosts": (), **more}
    with pytest.raises(WrongUsageError, match=words):
        refuse_open(parse_listen(listen), **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ["8420", ":8420", "127.0.0.1", "example.org:80", "127.0.0.1:99999", "1.2.3:80", ""]
)
def test_an_address_is_one_of_this_machine_and_a_port(text: str) -> None:
    with pytest.raises(WrongUsageError):
        parse_listen(text)


def proxied(*proxies: str, listen: str = "10.0.0.5:8420") -> Options:
    return serve_options(
        listen=listen,
        hosts=("jobs.example.org",),
        certificate=None,
        key=None,
        is_behind_proxy=False,
        proxies=proxies,
        proxy_role=None,
        may_be_root=True,
    )


def test_a_proxy_that_names_users_does_the_tls_too(folder: Path) -> None:
    """So browsers come from https, and their changes are accepted; docs/page.md has this example."""
    options = proxied("10.0.0.7")
    assert options.url == "https://jobs.example.org/"
    place = Place(main_file=folder / "jobs.yaml", state_dir=folder / ".jobfile")
    site = make_site(place, options, options.listen)
    assert "https://jobs.example.org" in site.origins
    assert site.cookie.startswith("__Host-")
    site.close()


def test_a_proxy_is_an_address_in_any_of_its_forms() -> None:
    assert proxied("::ffff:10.0.0.7", "2001:DB8:0::7").proxies == ("10.0.0.7", "2001:db8::7")
    for wrong in ("proxy.example.org", "10.0.0.0/8", "10.0.0.7:80", "*"):
        with pytest.raises(WrongUsageError, match="--proxy"):
            proxied(wrong)


def test_the_answered_hosts_are_exact() -> None:
    assert allowed_hosts(Listen("127.0.0.1", 8420), (), is_secure=False) == {
        "127.0.0.1:8420",
        "localhost:8420",
    }
    found = allowed_hosts(Listen("0.0.0.0", 443), ("Jobs.Example.org",), is_secure=True)
    assert found == {"0.0.0.0:443", "0.0.0.0", "jobs.example.org:443", "jobs.example.org"}
    with pytest.raises(WrongUsageError):
        allowed_hosts(Listen("127.0.0.1", 8420), ("*",), is_secure=False)


def test_contradicting_options_are_explained(folder: Path) -> None:
    for options in (
        ["--host", "jobs.example"],
        ["--listen", "127.0.0.1:0", "--tls-cert", "x"],
        ["--listen", "127.0.0.1:0", "--proxy-role", Role.ADMIN.value],
        ["--listen", "0.0.0.0:0"],
    ):
        said = say(folder, "serve", *options)
        assert said.returncode == 64, said
    tls = ("--tls-cert", "none", "--tls-key", "none")
    said = say(folder, "serve", "--listen", "127.0.0.1:0", "--allow-root", *tls)
    assert (said.returncode, "none" in said.stderr) == (1, True)


def test_signing_in_before_anything_is_recorded_makes_a_ledger_of_this_user_only(tmp_path: Path) -> None:
    (tmp_path / "jobs.yaml").write_text(JOBS)
    with served(tmp_path, "--listen", "127.0.0.1:0") as found:
        body = f"token={found.token}".encode()
        with found.connect() as connection:
            head = (
                f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{found.port}\r\nConnection: close\r\n"
                f"Origin: {found.url.rstrip('/')}\r\nContent-Length: {len(body)}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
            assert " 303 " in read_all(connection)
    assert (found.state / "ledger.db").stat().st_mode & 0o777 == 0o600


def test_root_serves_an_address_only_with_the_option_for_it(folder: Path) -> None:
    for command in (("serve", "--listen"), ("up", "--serve")):
        said = say(folder, *command, "127.0.0.1:0")
        assert (said.returncode, "add --allow-root" in said.stderr) == (1, True)
    for command in (("serve", "--allow-root"), ("up", "--allow-root")):
        assert say(folder, *command).returncode == 64


def test_without_its_packages_the_command_says_what_to_install(folder: Path) -> None:
    program = (
        "import sys; sys.modules['uvicorn'] = None; import importlib.util as u; f = u.find_spec;"
        "u.find_spec = lambda n, *a: None if n == 'uvicorn' else f(n, *a);"
        "from engine.cli.main import run; sys.exit(run(['serve']))"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=60)
    assert (done.returncode, "pip install 'jobfile[web]'" in done.stderr) == (1, True)


def test_jobfile_ui_prints_an_address_that_signs_in_once(server: Served, folder: Path) -> None:
    write_address(server.state / "web.address", server.url)  # other tests serve the same folder
    answer = json.loads(say(folder, "ui", "--json").stdout)
    fits(answer, "ui")
    url = answer["url"]
    assert url.startswith(f"{server.url}login#code=")
    code = url.rpartition("=")[2]
    body = f"code={code}".encode()

    def sign_in() -> str:
        with server.connect() as connection:
            head = (
                f"POST /login HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nConnection: close\r\n"
                f"Origin: {server.url.rstrip('/')}\r\nContent-Length: {len(body)}\r\n"
                "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
            return read_all(connection)

    assert " 303 " in sign_in()
    assert " 401 " in sign_in()
    until(lambda: "sign in" in say(folder, "audit").stdout)
