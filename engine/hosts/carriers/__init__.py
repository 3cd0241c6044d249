"""The carriers: each brings offers to hosts with a queue of another project."""

__all__ = ["kubernetes", "registry"]
