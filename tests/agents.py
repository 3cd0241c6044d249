"""An agent: the real client of the protocol, in a thread of its own, so that tests can call it plainly."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from mcp import types
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

JOBFILE = str(Path(sys.executable).parent / "jobfile")
PATIENCE = 60.0
NAME = types.Implementation(name="tester\x1b[31m", version="1")


class Agent:
    """A connected client. It checks each answer against the schema that the tool declares."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: Client) -> None:
        self._loop = loop
        self._client = client
        self.tools = {one.name: one for one in self.do(client.list_tools()).tools}

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE)

    def begin(self, name: str, **given: Any) -> Any:
        """Begin a call; its future can be cancelled."""
        return asyncio.run_coroutine_threadsafe(self._client.call_tool(name, given), self._loop)

    def ask(self, name: str, **given: Any) -> Any:
        """The answer of a tool."""
        found = self.begin(name, **given).result(PATIENCE)
        text = found.content[0].text
        assert not found.is_error, text
        assert json.loads(text) == found.structured_content
        return found.structured_content

    def refused(self, name: str, **given: Any) -> str:
        """The error of a tool."""
        found = self.begin(name, **given).result(PATIENCE)
        assert found.is_error, found.content[0].text
        assert found.structured_content is None
        text = found.content[0].text
        assert "Traceback" not in text
        return text


@contextmanager
def over_stdio(folder: Path, *options: str, environ: Mapping[str, str] = {}) -> Iterator[Agent]:
    """An agent that has started `jobfile mcp` in a folder."""
    parameters = StdioServerParameters(
        command=JOBFILE, args=["mcp", *options], cwd=folder, env={**os.environ, **environ}
    )
    with _connected(lambda: Client(stdio_client(parameters), client_info=NAME)) as agent:
        yield agent


@contextmanager
def over_http(url: str, token: str) -> Iterator[Agent]:
    """An agent that is connected to a server."""

    @asynccontextmanager
    async def client() -> AsyncIterator[Client]:
        headers = {"Authorization": f"Bearer {token}"}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=PATIENCE) as requests,
            Client(streamable_http_client(url, http_client=requests), client_info=NAME) as connected,
        ):
            yield connected

    with _connected(client) as agent:
        yield agent


@contextmanager
def _connected(make: Any) -> Iterator[Agent]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    opened, ended = threading.Event(), asyncio.Event()
    found: list[Client] = []

    async def hold() -> None:
        try:
            async with make() as client:
                found.append(client)
                opened.set()
                await ended.wait()
        finally:
            opened.set()

    held = asyncio.run_coroutine_threadsafe(hold(), loop)
    try:
        assert opened.wait(PATIENCE)
        if not found:
            held.result(1)
        yield Agent(loop, found[0])
    finally:
        loop.call_soon_threadsafe(ended.set)
        try:
            held.result(PATIENCE)
        finally:
            asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(PATIENCE)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, str]]:
    """`jobfile mcp --listen` in a folder; its URL and the token that it prints."""
    command = [JOBFILE, "mcp", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            url = process.stderr.readline().split()[-1]
            yield url, process.stderr.readline().split()[-1]
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
