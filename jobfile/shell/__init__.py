"""Shell scripts in jobs: where a value is allowed, and how a shell would read it."""

__all__ = [
    "arguments",
    "bashisms",
    "evaluated",
    "failures",
    "lexer",
    "payload",
    "places",
    "programs",
    "script",
    "syntax_errors",
    "variables",
]
