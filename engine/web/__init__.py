"""The page and the API: a process of its own that reads the ledger as commands do, also without an engine.

A request takes one way: `guard` (which host, which path, how large), `routing` (which handler, and who may),
`access` (who is it), then the handler, an ordinary function of a `Visit` that returns a response.
"""

__all__ = ["addresses", "apart", "connections", "serving"]
