"""Each kind of channel delivers to real receivers, and says why when it cannot; no secret ever goes out."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

import engine.channels.courier as couriers
from engine.channels.courier import Delivered, send_message
from engine.channels.pool import Pool
from engine.config import EngineConfig
from engine.core.records import Parcel
from engine.notifications.message import Happening, Message, make_message
from engine.notifications.system_channels import KnownChannel, channels_from_text, channels_to_text
from engine.programs.apprise_send import calm
from jobfile.model.jobs import ChannelSpec, HttpAction
from tests.acceptance.engines import until
from tests.builders import NOON, a_job, a_run
from tests.mail_servers import CUT, mail_server, mail_url, part_of
from tests.web_servers import Got, serving

SECRET = "s3cret-token-value"
IDS = ("1" * 32, "2" * 32)


def a_message(*, tail: tuple[str, ...] = ("line one", "{{ event.title }}")) -> Message:
    facts = {"state": "failed", "reason": "exit(3)", "exit_code": 3, "attempt": 1}
    run = a_run(id=IDS[0], params={"account": "8812", "dry": True})
    found = Happening(IDS[0], "failed", "hello", NOON, facts, a_job(owner="anna"), run, (), tail)
    return make_message(IDS[0], [found], ids=IDS[:1])


@pytest.fixture
def config(tmp_path: Path) -> EngineConfig:
    environ = {"PATH": os.environ["PATH"], "TOKEN": SECRET, "MINE": "not passed on"}
    return EngineConfig(main_file=tmp_path / "jobs.yaml", state_dir=tmp_path / ".jobfile", environ=environ)


def deliver(config: EngineConfig, spec: ChannelSpec, **more: object) -> Delivered:
    variables = more.pop("variables", {})
    return send_message(a_message(), KnownChannel(spec, variables), config, **more)  # type: ignore[arg-type]


def hook(port: int, **more: object) -> ChannelSpec:
    given: dict[str, object] = {
        "url": f"http://127.0.0.1:{port}/{{{{ secrets.TOKEN }}}}",
        "allow_private": ("127.0.0.1",),
        "method": "POST",
        **more,
    }
    action = HttpAction(**given)  # type: ignore[arg-type]
    return ChannelSpec(name="hook", http=action, secrets={"TOKEN": "env:TOKEN"})


def ok(_: Got) -> Iterable[bytes]:
    return [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"]


# http


def test_a_request_without_a_body_has_the_event_as_json_and_its_id_as_a_header(config: EngineConfig) -> None:
    with serving(ok) as server:
        assert deliver(config, hook(server.port)) == Delivered()
    (got,) = server.got
    body = json.loads(got.body)
    assert got.line == f"POST /{SECRET} HTTP/1.1"
    assert got.headers["jobfile-event"].decode() == IDS[0]
    assert body["title"] == "hello failed: exit code 3"
    assert (body["id"], body["ids"], body["exit_code"], body["owner"]) == (IDS[0], [IDS[0]], 3, "anna")
    assert body["params"] == {"account": "8812", "dry": True}
    assert body["log_tail"] == "line one\n{{ event.title }}", "a line of output is never a template"


def test_a_body_of_the_file_is_filled_in_and_numbers_stay_numbers(config: EngineConfig) -> None:
    given = {"text": "{{ event.title }} {{ vars.team }}", "code": "{{ event.exit_code }}"}
    with serving(ok) as server:
        spec = hook(server.port, json=given)
        assert deliver(config, spec, variables={"team": "ops"}) == Delivered()
    assert json.loads(server.got[0].body) == {"text": "hello failed: exit code 3 ops", "code": 3}


ANSWERS = {
    "500": (b"HTTP/1.1 500 X\r\nContent-Length: 6\r\n\r\n" + SECRET[:6].encode(), "HTTP status 500"),
    "cut": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
        "no complete response came: it was cut off",
    ),
    "closed": (b"", "no complete response came"),
    "elsewhere": (
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
        "HTTP status 302",
    ),
    "no http": (b"220 smtp ready\r\n", "no complete response came"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_server_that_fails_is_described_without_the_secret(config: EngineConfig, name: str) -> None:
    answer, words = ANSWERS[name]
    with serving(answer) as server:
        result = deliver(config, hook(server.port))
    assert result.error.startswith(words)
    assert SECRET not in result.error
    assert server.got


def test_a_server_may_ask_for_time(config: EngineConfig) -> None:
    answer = b"HTTP/1.1 429 X\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n"
    with serving(answer) as server:
        assert deliver(config, hook(server.port)).wait == 120


def test_a_server_that_refuses_or_is_not_public_is_described(config: EngineConfig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "Connection refused" in deliver(config, hook(port)).error
    private = hook(port, url="https://127.0.0.1/", allow_private=())
    assert "127.0.0.1 is not a public address" in deliver(config, private).error
    metadata = hook(port, url="http://169.254.169.254/", allow_private=("169.254.169.254",))
    assert "credentials" in deliver(config, metadata).error


def test_a_server_that_hangs_is_left_after_the_total_time(
    config: EngineConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couriers, "SEND_SECONDS", 1.5)
    release = threading.Event()

    def slowly(_: Got) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n"
        release.wait(20)

    with serving(slowly) as server:
        result = deliver(config, hook(server.port))
        release.set()
    assert result.error == "the request did not end within 2 s"


# command


def test_a_command_has_the_event_in_its_environment_and_on_its_input(
    config: EngineConfig, tmp_path: Path
) -> None:
    script = f'env > {tmp_path}/env; cat > {tmp_path}/in; echo "$1" > {tmp_path}/argument'
    command = ("sh", "-c", script, "sh", "{{ event.title }}")
    spec = ChannelSpec(name="c", command=command, secrets={"TOKEN": "env:TOKEN"})
    assert deliver(config, spec) == Delivered()
    env = (tmp_path / "env").read_text()
    assert "JOBFILE_EVENT_TITLE=hello failed: exit code 3\n" in env
    assert f"JOBFILE_EVENT_ID={IDS[0]}\n" in env
    assert "JOBFILE_EVENT_EXIT_CODE=3\n" in env
    assert "JOBFILE_EVENT_PARAM_ACCOUNT=8812\n" in env
    assert f"TOKEN={SECRET}\n" in env
    assert "MINE" not in env, "as for jobs, the environment of the engine is not passed on"
    assert json.loads((tmp_path / "in").read_text())["kind"] == "failed"
    assert (tmp_path / "argument").read_text() == "hello failed: exit code 3\n"


def test_a_command_that_fails_is_described_by_its_last_line_without_secrets(config: EngineConfig) -> None:
    command = ("sh", "-c", 'echo "no $TOKEN here" >&2; exit 7')
    spec = ChannelSpec(name="c", command=command, secrets={"TOKEN": "env:TOKEN"})
    assert deliver(config, spec).error == "exit code 7: no *** here"


def test_what_cannot_be_executed_or_read_is_described(config: EngineConfig) -> None:
    missing = ChannelSpec(name="c", command=("no-such-program",))
    assert deliver(config, missing).error == "no-such-program cannot be executed: No such file or directory"
    secret = ChannelSpec(name="c", command=("true",), secrets={"X": "env:NOT_THERE"})
    assert deliver(config, secret).error == (
        "secret `X` is not there: the engine has no NOT_THERE in its environment"
    )


def test_a_command_that_hangs_is_killed_with_all_that_it_started(
    config: EngineConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(couriers, "SEND_SECONDS", 1.0)
    spec = ChannelSpec(name="c", command=("sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"))
    assert deliver(config, spec).error == "the command did not end within 1 s"
    pid = int((tmp_path / "pid").read_text())
    until(lambda: is_gone(pid), "the end of its child")


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


# apprise


def mail(config: EngineConfig, *ports: int) -> tuple[EngineConfig, ChannelSpec]:
    names = [f"MAIL_{n}" for n, _ in enumerate(ports)]
    urls = {name: mail_url(port) for name, port in zip(names, ports, strict=True)}
    spec = ChannelSpec(name="mail", apprise=tuple(names), secrets={name: f"env:{name}" for name in names})
    known = EngineConfig(
        main_file=config.main_file, state_dir=config.state_dir, environ={**config.environ, **urls}
    )
    return known, spec


def test_a_mail_is_a_page_and_the_same_as_text_with_its_id(config: EngineConfig) -> None:
    tail = ("line one", "{{ event.title }}", "<script>alert(1)</script> & <b>bold</b>", "  two   spaces")
    message = a_message(tail=tail)
    with mail_server() as server:
        known, spec = mail(config, server.port)
        result = send_message(message, KnownChannel(spec, {}), known)
    assert result == Delivered(done=("MAIL_0",))
    (received,) = server.got
    assert received["subject"] == message.title == "hello failed: exit code 3"
    assert received.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in received.iter_parts()] == ["text/plain", "text/html"]
    assert part_of(received, "plain").strip() == f"{message.text}\n\nevent {IDS[0]}"
    page = part_of(received, "html")
    assert page.strip() == message.html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &lt;b&gt;bold&lt;/b&gt;\n  two   spaces" in page
    assert "<script" not in page
    assert f"event {IDS[0]}" in page


def test_a_mail_server_that_refuses_or_cuts_is_described_without_its_address(config: EngineConfig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with mail_server(CUT) as server:
        known, spec = mail(config, port, server.port)
        result = deliver(known, spec)
    refused, cut = result.error.split("; mailto: ")
    assert refused.startswith("mailto: it was not delivered: Connection error")
    assert cut.startswith("it was not delivered")
    assert "example.com" not in result.error
    assert server.got


def test_of_two_destinations_only_the_one_that_failed_is_tried_again(config: EngineConfig) -> None:
    with mail_server() as good, mail_server("550 no such mailbox") as bad:
        known, spec = mail(config, good.port, bad.port)
        result = deliver(known, spec)
        assert result.done == ("MAIL_0",)
        assert result.error.startswith("mailto: it was not delivered")
        again = deliver(known, spec, done=result.done)
    assert (len(good.got), len(bad.got)) == (1, 2)
    assert again.error


def test_nobody_is_called_by_a_mention_in_an_output() -> None:
    said = "@everyone <!channel> <@U123> @here, mail anna@here.example; a < b, @reboot"
    calmed = calm(said)
    assert calmed.replace("\u200b", "") == said
    assert not re.search("@everyone|<!|<@|@here,", calmed)
    assert "a < b, @reboot" in calmed


PLUGINS = {
    "e-mail": "NotifyEmail",
    "Slack": "NotifySlack",
    "Teams": "NotifyWorkflows",
    "PagerDuty": "NotifyPagerDuty",
    "ntfy": "NotifyNtfy",
}
SAY = """
import json, sys, apprise
from engine.programs.apprise_send import mails_html
for url in json.load(sys.stdin):
    found = apprise.Apprise.instantiate(url)
    print(type(found).__name__, mails_html(found, text=""))
"""


def test_each_documented_url_is_for_its_service_and_only_a_mail_is_a_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "notifications.md").read_text()
    services = re.findall(r"^\| ([^|]+) \| [^|`]*`([a-z]+://\S+)` \|$", page, re.MULTILINE)
    assert {name for name, _ in services} == PLUGINS.keys()
    mail = dict(services)["e-mail"]
    urls = [*(url for _, url in services), f"{mail}&format=text"]
    command = [sys.executable, "-W", "ignore", "-c", SAY]
    said = subprocess.run(command, input=json.dumps(urls), capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [
        *(f"{PLUGINS[name]} {name == 'e-mail'}" for name, _ in services),
        "NotifyEmail False",
    ]


def test_an_apprise_url_is_never_shown(config: EngineConfig) -> None:
    tokens = ("T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ")
    environ = {**config.environ, "TEAM": f"slack://{'/'.join(tokens)}", "BAD": "nonsense"}
    known = EngineConfig(main_file=config.main_file, state_dir=config.state_dir, environ=environ)
    for name in ("TEAM", "BAD"):
        spec = ChannelSpec(name="team", apprise=(name,), secrets={name: f"env:{name}"})
        result = deliver(known, spec)
        assert result.error
        assert not any(token in result.error for token in (*tokens, "nonsense"))


# The pool


def test_one_that_hangs_holds_up_no_other_and_no_more_than_the_limit_are_sent_at_once() -> None:
    release, done = threading.Event(), threading.Semaphore(0)

    def deliver_(channel: str, parcel: Parcel) -> Delivered:
        if channel == "hangs":
            release.wait(20)
        if channel == "bug":
            raise RuntimeError(SECRET)
        return Delivered()

    pool = Pool(deliver_, on_done=done.release, at_once=2)
    parcel = Parcel("a", ("hello",), NOON, 0, NOON)
    assert pool.hand_over("hangs", parcel)
    assert pool.hand_over("bug", parcel)
    assert done.acquire(timeout=20)
    (report,) = pool.take()
    assert report.result.error == "it could not be made: RuntimeError (a bug in jobfile)"
    assert pool.hand_over("hangs", parcel)
    assert not pool.hand_over("other", parcel)
    release.set()
    assert done.acquire(timeout=20)
    assert done.acquire(timeout=20)
    assert [one.channel for one in pool.take()] == ["hangs", "hangs"]


def test_the_channels_of_the_engine_are_kept_as_a_text() -> None:
    known = {
        "config": KnownChannel(hook(80, json={"a": ["{{ vars.team }}"]}), {"team": "ops", "many": (1, 2)}),
        "engine": KnownChannel(ChannelSpec(name="engine", apprise=("URL",), secrets={"URL": "env:U"}), {}),
        "mail": KnownChannel(ChannelSpec(name="mail", command=("x",)), {}),
    }
    found = channels_from_text(channels_to_text(known))
    assert found == {name: known[name] for name in ("config", "engine")}
    assert channels_from_text("") == {}
