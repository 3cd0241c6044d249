"""Installs the YAML language server."""

from pathlib import Path

from tests.npm import installed, node

HERE = Path(__file__).parent


def server_command() -> list[str | Path]:
    """The command that starts the server, which talks over its pipes. The first caller installs it."""
    server = installed(HERE) / "yaml-language-server" / "bin" / "yaml-language-server"
    return [node() / "bin" / "node", server, "--stdio"]
