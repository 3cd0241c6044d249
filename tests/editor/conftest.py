"""An editor with job files open in it: the YAML language server, started once for each test process."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.cli.commands.init import command
from engine.sources.first_files import SCHEMA_FILE
from tests.editor.install import server_command
from tests.editor.language_server import LanguageServer

ROOT = Path(__file__).parents[2]
MODELINE = f"# yaml-language-server: $schema={SCHEMA_FILE}\n"
CURSOR = "§"
IN_GREY = 1
"""The protocol's DiagnosticTag.Unnecessary."""
SETTINGS = {
    "yaml": {
        "validate": True,
        "hover": True,
        "completion": True,
        "schemaStore": {"enable": False},
        "kubernetesCRDStore": {"enable": False},
        "schemas": {
            (ROOT / "schemas" / "job.schema.json").as_uri(): ["**/by-settings/*.yaml", "**/samples/**"]
        },
    },
    # Requests to the network fail.
    "http": {"proxy": "http://127.0.0.1:9"},
}


class Editor:
    """Opens texts as files and asks about them at the cursor, `§`.

    Each text becomes a file beside the schema that `jobfile init` writes. Its first line names the schema;
    with `by_settings`, the settings of the editor do.
    """

    def __init__(self, server: LanguageServer, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self._numbers = itertools.count(1)

    def open(self, text: str, *, by_settings: bool = False) -> str:
        """Open a text; its name as a URI."""
        if not by_settings:
            return self.open_as(self.folder / f"file{next(self._numbers)}.yaml", MODELINE + text)
        return self.open_as(self.folder / "by-settings" / f"file{next(self._numbers)}.yaml", text)

    def open_as(self, path: Path, text: str) -> str:
        """Open a text under a given name."""
        self.server.open(path.as_uri(), text)
        return path.as_uri()

    def marks(self, uri: str) -> list[dict[str, Any]]:
        """The marked errors in an open file; not what is only greyed out, such as an unused anchor."""
        return [mark for mark in self.server.marks(uri) if IN_GREY not in mark.get("tags", ())]

    def completions(self, text: str, *, by_settings: bool = False) -> list[dict[str, Any]]:
        """The completions at the cursor."""
        answer = self._ask("textDocument/completion", text, by_settings=by_settings)
        found: list[dict[str, Any]] = answer["items"]
        return found

    def hover(self, text: str, *, by_settings: bool = False) -> str:
        """The text shown for the word at the cursor, as Markdown."""
        answer = self._ask("textDocument/hover", text, by_settings=by_settings)
        return str(answer["contents"]["value"]) if answer else ""

    def _ask(self, method: str, text: str, *, by_settings: bool) -> Any:
        before, _, after = text.partition(CURSOR)
        uri = self.open(before + after, by_settings=by_settings)
        line = before.count("\n") + (0 if by_settings else MODELINE.count("\n"))
        position = {"line": line, "character": len(before.rpartition("\n")[2])}
        return self.server.request(method, {"textDocument": {"uri": uri}, "position": position})


@pytest.fixture(scope="session")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """An editor in a folder where `jobfile init` was run."""
    folder = tmp_path_factory.mktemp("editor")
    done = CliRunner().invoke(command, [str(folder)], standalone_mode=False)
    assert done.exception is None, done.output
    with LanguageServer(server_command(), settings=SETTINGS, said=folder / "stderr") as server:
        yield Editor(server, folder)
