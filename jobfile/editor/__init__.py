"""Answers an editor's questions about a place in a file; pure, and independent of the protocol."""

__all__ = ["complete", "cursor", "hover", "names", "outline", "rename"]
