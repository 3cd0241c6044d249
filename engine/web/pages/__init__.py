"""The pages: a module each, with the values of its template and its routes."""

__all__ = ["ask", "badge", "board", "jobs", "signing_in", "timeline", "today"]
