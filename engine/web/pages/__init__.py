"""The pages: a module each, with the values of its template and its routes."""

__all__ = ["ask", "jobs", "signing_in", "today"]
