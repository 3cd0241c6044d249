"""The server of the Model Context Protocol: lists tools, calls them in threads, and returns their answers."""

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from engine.integrations.mcp_results import TooLargeError, bounded
from engine.integrations.mcp_tools import ArgumentError, Call, Tool, ToolError
from jobfile import __version__

MAX_WORKING: Final = 4
"""How many calls work at once; others wait for their turn."""
MAX_WAITING: Final = 16
"""How many calls may wait for runs at once."""
MAX_CALLS: Final = 64
"""How many calls may be in progress; more are refused."""
MAX_CLIENT: Final = 40
"""Maximum number of characters of a client's name."""

Context = ServerRequestContext[Any, Any]


class _Calls:
    """Calls tools in threads, a bounded number at once."""

    def __init__(self, tools: Sequence[Tool], refusal: Callable[[str], str]) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._refusal = refusal
        self._working = ThreadPoolExecutor(MAX_WORKING, thread_name_prefix="tool")
        self._waiting = ThreadPoolExecutor(MAX_WAITING, thread_name_prefix="waiting tool")
        self._count = {False: 0, True: 0}

    async def list(
        self, _context: Context, _params: types.PaginatedRequestParams | None
    ) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_listed(tool) for tool in self._tools.values()])

    async def call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            return _failed(self._refusal(params.name))
        most = MAX_WAITING if tool.is_waiting else MAX_CALLS
        if self._count[tool.is_waiting] >= most:
            return _failed(f"{most} calls are in progress; try again when one of them is over")
        self._count[tool.is_waiting] += 1
        try:
            return await self._called(tool, params.arguments or {}, _client_of(context))
        finally:
            self._count[tool.is_waiting] -= 1

    async def _called(self, tool: Tool, given: dict[str, object], client: str) -> types.CallToolResult:
        gone = threading.Event()
        pool = self._waiting if tool.is_waiting else self._working

        def answer() -> types.CallToolResult:
            if gone.is_set():
                return _failed("the call was cancelled")
            return _answered(tool, Call(given=tool.read(given), client=client, gone=gone))

        try:
            return await asyncio.get_running_loop().run_in_executor(pool, answer)
        except (ArgumentError, ToolError, TooLargeError) as error:
            return _failed(str(error))
        finally:
            gone.set()


def make_server(tools: Sequence[Tool], *, about: str, refusal: Callable[[str], str]) -> Server[Any]:
    """A server with these tools. `refusal` says why there is no tool with a name."""
    calls = _Calls(tools, refusal)
    return Server(
        "jobfile",
        version=__version__,
        title="jobfile",
        instructions=about,
        on_list_tools=calls.list,
        on_call_tool=calls.call,
    )


def serve_stdio(server: Server[Any]) -> None:
    """Serve the client at standard input and output until it closes them."""

    async def serve() -> None:
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    asyncio.run(serve())


def _answered(tool: Tool, call: Call) -> types.CallToolResult:
    plain = bounded(tool.answer(call), narrow=tool.narrow)
    # Clients that do not know structured answers read the text.
    text = json.dumps(plain, separators=(",", ":"), ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=plain)


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=f"error: {text}")], is_error=True)


def _listed(tool: Tool) -> types.Tool:
    effect = tool.effect
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.about,
        input_schema=tool.input_schema(),
        output_schema=dict(tool.output_schema),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=effect.is_read_only,
            destructive_hint=effect.is_destructive,
            idempotent_hint=effect.is_idempotent,
            open_world_hint=effect.is_open,
        ),
    )


def _client_of(context: Context) -> str:
    """The name that the client gives itself, as one short line."""
    params = context.session.client_params
    name = params.client_info.name if params is not None else ""
    return "".join(one for one in name if one.isprintable())[:MAX_CLIENT].strip()
