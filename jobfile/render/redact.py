"""Hides text that looks like a secret, so that no excerpt shows it."""

from collections.abc import Iterable, Mapping

from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.diagnostics.source import Source

SECRET_CODES = frozenset({"JF605"})
COVER = "*"


def without_secrets(diagnostics: Iterable[Diagnostic], sources: Mapping[str, Source]) -> Mapping[str, Source]:
    """The sources with each character of such a text replaced by one sign, so that columns stay the same."""
    found = [one for one in diagnostics if one.code in SECRET_CODES and one.file in sources]
    if not found:
        return sources
    texts = {name: list(sources[name].text) for name in {one.file for one in found}}
    for one in found:
        text = texts[one.file]
        for at in range(one.span.start.offset, min(one.span.end.offset, len(text))):
            if not text[at].isspace():
                text[at] = COVER
    return {**sources, **{name: Source(name, "".join(text)) for name, text in texts.items()}}
