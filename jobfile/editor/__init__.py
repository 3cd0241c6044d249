"""What an editor asks about a place in a file: pure answers, whatever protocol carries them."""

__all__ = ["complete", "cursor", "hover", "names", "rename"]
