"""JF605: text that looks like a secret. The message gives only its place, never the value."""

import re
from collections import Counter
from collections.abc import Iterator
from math import log2
from typing import Final

from jobfile.checks.finding import located
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.expressions.expression import Problem
from jobfile.files.fileset import FileSet, JobText, Payload
from jobfile.files.merged_settings import Setting, map_at

MIN_LENGTH: Final = 8
"""A shorter value with a suspicious name is usually a word, not a secret."""
MIN_ENTROPY: Final = 2.7
"""Bits per character; words have fewer, generated values more."""

_NAME: Final = re.compile(
    r"(?:^|[_.-])(?:pass(?:wd|word|phrase)?|pwd|secret|token|api_?key|access_?key|private_?key|credentials?|auth)"
    r"(?:$|[_.-]|[0-9])",
    re.IGNORECASE,
)
_KNOWN: Final = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b|sk_live_[A-Za-z0-9]{16,}"
    r"|rk_live_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
_URL: Final = re.compile(
    r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"{}$]{0,200}:([^\s/@'\"{}$]{1,1000})@", re.IGNORECASE
)
_ASSIGNED: Final = re.compile(
    r"(?:^|[\s;])(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(['\"]?)([^\s'\"$`{};&|]+)\2"
)
_LONG_OPTION: Final = re.compile(r"--([a-z][a-z0-9-]{0,60})[= ](['\"]?)([^\s'\"$`{};&|-][^\s'\"$`{};&|]*)\2")
_PLACEHOLDER: Final = re.compile(r"change-?me|example|placeholder|x{3,}|<.*>|\*+|your[_-].*", re.IGNORECASE)


_HINTS: Final = (
    *("://", "pass", "pwd", "secret", "token", "key", "cred", "auth", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "akia", "_live_", "aiza", "npm_", "pypi-", "eyj", "-----begin"),
)
"""A file without any of these has nothing that looks like a secret."""


def sounds_secret(name: str) -> bool:
    """Whether a variable with this name probably holds a secret."""
    return _NAME.search(name) is not None


def _may_hold_secrets(text: str) -> bool:
    lower = text.lower()
    return any(hint in lower for hint in _HINTS) or "ASIA" in text


def check_plain_secrets(files: FileSet) -> Iterator[Diagnostic]:
    """JF605 in jobs. Most files have nothing that could be a secret by its name or form."""
    suspects = {one.source.name for one in files.documents if _may_hold_secrets(one.source.text)}
    if not suspects:
        return
    for job in files.jobs.values():
        if suspects & {job.document.source.name, files.main.source.name}:
            yield from _in_params(job)
            for payload in job.payloads:
                yield from _in_payload(payload)


def _in_payload(payload: Payload) -> Iterator[Diagnostic]:
    """In the environment, scripts, arguments and requests of a job or step."""
    for name, setting in payload.env.items():
        if isinstance(payload, JobText) or setting.is_below(payload.path):
            yield from _in_value(name, setting)
    for key in ("run", "command", "http"):
        setting_ = payload.settings.get(key)
        for text in () if setting_ is None else setting_.texts():
            is_own_name = key == "http" and isinstance(text.path[-1], str)
            yield from _in_value(str(text.path[-1]) if is_own_name else "", text)


def _in_params(job: JobText) -> Iterator[Diagnostic]:
    """In the defaults of params."""
    params = job.settings.get("params")
    for one in () if params is None else params.parts():
        default = one.part("default")
        if default is not None and isinstance(default.value, str):
            yield from _in_value(str(one.path[-1]), default)


def check_file_secrets(files: FileSet) -> Iterator[Diagnostic]:
    """JF605 in vars and channels."""
    for value in Setting(map_at(files.main, ("vars",)), ("vars",), files.main).parts():
        for text in value.texts():
            yield from _in_value(str(value.path[-1]), text)
    for channel in files.section("channels").values():
        for key in ("http", "command", "apprise"):
            part = channel.part(key)
            for text in () if part is None else part.texts():
                yield from _in_value("", text)


def looks_like_secret(name: str, text: str) -> bool:
    """Whether a text under a name would be found by JF605."""
    return _place(name, text) is not None


def _in_value(name: str, setting: Setting) -> Iterator[Diagnostic]:
    """The first secret in a value, judged by its form or its name."""
    text = setting.text
    place = _place(name, text)
    if place is None:
        return
    problem = Problem(
        code="JF605",
        message="this looks like a secret in plain text",
        start=place[0],
        end=place[1],
        label="everyone who can read the repository can read it",
        help=(
            "keep it out of the file:  secrets: {NAME: env:NAME}  or  file:/run/secrets/name",
            "then replace the secret itself: the old one stays in the history of the repository",
        ),
    )
    yield located(setting, problem)


def _place(name: str, text: str) -> tuple[int, int] | None:
    known = _KNOWN.search(text)
    if known is not None:
        return known.span()
    url = _URL.search(text)
    if url is not None and not _PLACEHOLDER.fullmatch(url[1]):
        return url.span(1)
    if name and _NAME.search(name) and "{{" not in text and _is_random(text):
        return 0, len(text)
    for pattern in (_ASSIGNED, _LONG_OPTION):
        for found in pattern.finditer(text):
            if _NAME.search(found[1].replace("-", "_")) and _is_random(found[3]):
                return found.span(3)
    return None


def _is_random(text: str) -> bool:
    """Whether a value looks generated: long, mixed kinds of characters, evenly spread, and not a path."""
    if len(text) < MIN_LENGTH or "/" in text[:1] or " " in text or _PLACEHOLDER.fullmatch(text):
        return False
    kinds = sum(any(test(sign) for sign in text) for test in (str.islower, str.isupper, str.isdigit))
    kinds += any(not sign.isalnum() and sign not in "_-./:" for sign in text)
    if kinds < 2:
        return False
    counts = Counter(text)
    return -sum(n / len(text) * log2(n / len(text)) for n in counts.values()) >= MIN_ENTROPY
