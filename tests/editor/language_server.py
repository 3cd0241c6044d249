"""A client for language servers: JSON-RPC over the pipes of a process."""

import itertools
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

LONGEST_ANSWER_SECONDS = 60
LONGEST_END_SECONDS = 10

CAPABILITIES = {
    "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}},
    "textDocument": {
        "completion": {
            "completionItem": {"snippetSupport": True, "documentationFormat": ["markdown", "plaintext"]}
        },
        "formatting": {"dynamicRegistration": True},
        "hover": {"contentFormat": ["markdown", "plaintext"]},
    },
}
"""The capabilities of the tests' editor: those of VS Code, as far as the tests need them."""


class ServerError(Exception):
    """The server answered with an error, or ended."""


class LanguageServer:
    """A language server for the `with` block: `request` waits for an answer, `notify` does not."""

    def __init__(
        self, command: Sequence[str | Path], *, settings: Mapping[str, Any] | None = None, said: Path
    ) -> None:
        """Without `settings`, the server must not ask for any."""
        self._settings = settings or {}
        self._said = said
        self._ids = itertools.count(1)
        self._answers: dict[int, Future[Any]] = {}
        self._marks: dict[str, Future[list[dict[str, Any]]]] = {}
        self._is_configured: Future[None] = Future()
        self._versions = itertools.count(2)
        if settings is None:
            self._is_configured.set_result(None)
        self._writing = threading.Lock()
        with said.open("wb") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        asked = {"processId": os.getpid(), "rootUri": None, "capabilities": CAPABILITIES}
        try:
            self.request("initialize", asked)
            self.notify("initialized", {})
            self._is_configured.result(LONGEST_ANSWER_SECONDS)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.request("shutdown", None)
            self.notify("exit", None)
            self._process.wait(LONGEST_END_SECONDS)
        finally:
            self._end()

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        with suppress(BrokenPipeError):
            self._stdin.close()
        self._stdout.close()

    def request(self, method: str, params: Any) -> Any:
        """Send a request, and wait for the answer."""
        number = next(self._ids)
        answer = self._answers[number] = Future()
        self._write({"id": number, "method": method, "params": params})
        return answer.result(LONGEST_ANSWER_SECONDS)

    def notify(self, method: str, params: Any) -> None:
        """Send a notification, which has no answer."""
        self._write({"method": method, "params": params})

    def open(self, uri: str, text: str) -> None:
        """Open a document as an editor does; the server then sends its marks."""
        self._marks[uri] = Future()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})

    def change(self, uri: str, text: str) -> None:
        """Change the text of a document; the server then sends new marks."""
        self._marks[uri] = Future()
        document = {"uri": uri, "version": next(self._versions)}
        self.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [{"text": text}]})

    def marks(self, uri: str) -> list[dict[str, Any]]:
        """The server's marks in an open document; waits until it has checked the document."""
        return self._marks[uri].result(LONGEST_ANSWER_SECONDS)

    def _write(self, message: Mapping[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        try:
            with self._writing:
                self._stdin.write(b"Content-Length: %d\r\n\r\n" % len(content) + content)
                self._stdin.flush()
        except BrokenPipeError:
            self._process.wait(LONGEST_END_SECONDS)
            raise self._ended() from None

    def _read(self) -> None:
        """Read the server's messages until it ends, and then wake all waiting requests."""
        try:
            while (message := _next_message(self._stdout)) is not None:
                self._take(message)
        finally:
            for waiting in [*self._answers.values(), *self._marks.values(), self._is_configured]:
                if not waiting.done():
                    waiting.set_exception(self._ended())

    def _ended(self) -> ServerError:
        return ServerError(f"the language server ended; it said: {self._said.read_text()}")

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"method": "workspace/configuration", "id": number, "params": {"items": items}}:
                found = [self._settings.get(item["section"]) for item in items]
                self._write({"id": number, "result": found})
                if not self._is_configured.done():
                    self._is_configured.set_result(None)
            case {"method": str(), "id": number}:
                self._write({"id": number, "result": None})
            case {"method": "textDocument/publishDiagnostics", "params": {"uri": uri, "diagnostics": marks}}:
                if uri in self._marks and not self._marks[uri].done():
                    self._marks[uri].set_result(marks)
            case {"id": int(number), "error": error}:
                self._answers.pop(number).set_exception(ServerError(error["message"]))
            case {"id": int(number), "result": result}:
                self._answers.pop(number).set_result(result)


def _next_message(pipe: BinaryIO) -> dict[str, Any] | None:
    """The next message, or None at the end of the pipe."""
    length = 0
    while line := pipe.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    content = pipe.read(length)
    return json.loads(content) if content else None
