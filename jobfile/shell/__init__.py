"""Shell scripts as jobs hold them: where a value may stand, and what a shell would make of it."""

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
