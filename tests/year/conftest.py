"""Where the ledger of a year is: `pytest --store postgres` puts it into a real server."""

from tests.engine.conftest import _emptied

__all__ = ["_emptied"]
