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
from jobfile.model.namedtuple import NamedTuple
from jobfile.model.regex import regex

MIN_LENGTH: Final = 8
"""A shorter value with a suspicious name is usually a word, not a secret."""
MIN_ENTROPY: Final = 2.7
"""Bits per character; words have fewer, generated values more."""

_NAME: Final = regex(
    r"(?:^|[_.-])(?:pass(?:wd|word|phrase)?|pwd|secret|token|api_?key|access_?key|private_?key|credentials?|auth)"
    r"(?:$|[_.-]|[0-9])",
    re.IGNORECASE,
)
_ABOUT_IT: Final = regex(
    r"(?:^|[_.-])(?:ur[li]s?|endpoint|headers?|host(?:name)?|server|address|domain|port|file|path|dir|folder|names?"
    r"|ids?|user(?:name)?|type|kind|mode|method|algorithm|policy|issuer|provider|scopes?|audience|region|prefix|suffix"
    r"|ttl|expiry|expires|lifetime|days|min|max|length|size|count|version|enabled|required|command|cmd|stdin|prompt)$",
    re.IGNORECASE,
)
"""The last word of a name that is about a secret, and is not the secret."""
_OF_PROGRAMS: Final = regex(
    r"PGPASSWORD|MYSQL_PWD|REDISCLI_AUTH|SSHPASS|RESTIC_PASSWORD|BORG_PASSPHRASE|SMBPASS(?:WD)?|CURL_PASSWORD"
    r"|(?:MYSQL|MARIADB|POSTGRES)_(?:ROOT_)?PASSWORD|AWS_SECRET_ACCESS_KEY|ARM_CLIENT_SECRET|VAULT_TOKEN|CONSUL_HTTP_TOKEN"
)
"""Variables whose value is a secret for a program, whatever it looks like."""
_KNOWN: Final = regex(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|xox[abprs]-[A-Za-z0-9-]{10,}|(?:AKIA|ASIA)[A-Z0-9]{16}\b|sk_live_[A-Za-z0-9]{16,}"
    r"|rk_live_[A-Za-z0-9]{16,}|AIza[A-Za-z0-9_-]{35}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,}"
    r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,})"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|hooks\.slack\.com/services/T[A-Z0-9]{6,12}/B[A-Z0-9]{6,12}/[A-Za-z0-9]{16,}"
    r"|discord(?:app)?\.com/api/webhooks/[0-9]{10,25}/[A-Za-z0-9_-]{30,}"
    r"|(?<![0-9])[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}|\.webhook\.office\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}"
)
_URL: Final = regex(
    r"\b[a-z][a-z0-9+.-]{0,30}://[^\s/:@'\"{}$]{0,200}:([^\s/@'\"{}$]{1,1000})@", re.IGNORECASE
)
_ASSIGNED: Final = regex(r"(?:^|[\s;])(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(['\"]?)([^\s'\"$`{};&|]+)\2")
_LONG_OPTION: Final = regex(r"--([a-z][a-z0-9-]{0,60})[= ](['\"]?)([^\s'\"$`{};&|-][^\s'\"$`{};&|]*)\2")
_PLACEHOLDER: Final = regex(
    r"change-?me|example|placeholder|x{3,}|<.*>|\*+|\.+|(?:your|my)[_-].*"
    r"|pass(?:wd|word|phrase)?|pw|secret|token|key|api[_-]?key|dummy|none|null",
    re.IGNORECASE,
)
_VALUE: Final = r"['\"]?(?P<secret>[^\s'\"$`{}<>()]{1,200})"


class _Form(NamedTuple):
    """A way to give a secret: its pattern, the programs, and whether only a generated value is one."""

    pattern: re.Pattern[str]
    programs: re.Pattern[str] | None = None
    must_look_random: bool = False


_FORMS: Final = (
    _Form(
        regex(rf"(?<!\S)(?:-[uU] ?|--(?:proxy-)?user[ =])['\"]?[^\s:'\"$`{{}}/]{{1,100}}:(?!/){_VALUE}"),
        regex(r"\bcurl\b"),
    ),
    _Form(
        regex(rf"(?<!\S)-p{_VALUE}"),
        regex(r"\b(?:mysql|mariadb)(?:dump|admin|-dump|-admin|import|check)?\b"),
    ),
    _Form(
        regex(rf"(?<!\S)-p ?{_VALUE}"),
        regex(r"\bsshpass\s+(?:-[a-z]\s+)*$|\b(?:docker|podman|helm registry) login\b"),
    ),
    _Form(regex(rf"(?<!\S)-a {_VALUE}"), regex(r"\bredis-cli\b")),
    _Form(regex(rf"(?<!\S)-pass(?:in|out)? ['\"]?pass:{_VALUE}"), regex(r"\bopenssl\b")),
    _Form(regex(rf"(?<!\S)--(?:[a-z]{{1,20}}-)?(?:password|passwd)={_VALUE}")),
    _Form(regex(rf"(?<![\w-])(?:{_OF_PROGRAMS.pattern})={_VALUE}")),
    _Form(
        regex(
            rf"[?&](?:api_?key|access_?token|auth_?token|token|secret|passw(?:or)?d|sig|signature)={_VALUE}",
            re.IGNORECASE,
        ),
        must_look_random=True,
    ),
    _Form(
        regex(
            rf"\bauthorization['\"]?: ?['\"]?(?:bearer|basic|token) {_VALUE}|"
            rf"\b(?:x-api-key|x-auth-token|private-token|api-key)['\"]?: ?{_VALUE.replace('secret', 'key')}",
            re.IGNORECASE,
        ),
        must_look_random=True,
    ),
)
_PORTS: Final = regex(r"[\d.:\[\]]*\d:\d{1,5}(?:/(?:tcp|udp))?")
"""What `docker run -p` takes."""
_LONGEST_COMMAND: Final = 400
"""How far before an option its program is looked for, in characters."""
_ENDS_COMMAND: Final = regex(r"(?<!\\)\n|[;|]|&&")


_HINTS: Final = (
    *("://", "pass", "pwd", "secret", "token", "key", "cred", "auth", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"),
    *("github_pat_", "glpat-", "xox", "akia", "_live_", "aiza", "npm_", "pypi-", "eyj", "-----begin"),
    *("mysql", "mariadb", "curl", "redis-cli", ":aa", "login", "hooks.", "webhook"),
)
"""A file without any of these has nothing that looks like a secret."""


def sounds_secret(name: str) -> bool:
    """Whether a variable with this name probably holds a secret."""
    return _NAME.search(name) is not None and not _ABOUT_IT.search(name)


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
    yield from _in_words(payload.settings.get("command"))


def _in_words(command: Setting | None) -> Iterator[Diagnostic]:
    """In a command list, where an option and its value are two items."""
    items = [] if command is None else [one for one in command.parts() if isinstance(one.value, str)]
    words = [one.text if not re.search(r"\s", one.text) else "-" for one in items]  # a script is read alone
    place = _given_to_program(" ".join(words))
    at = 0
    for item, word in zip(items, words, strict=True):
        if place is not None and at <= place[0] < at + len(word) and _place("", item.text) is None:
            yield located(item, _problem(place[0] - at, place[1] - at))
        at += len(word) + 1


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
    yield located(setting, _problem(*place))


def _problem(start: int, end: int) -> Problem:
    return Problem(
        code="JF605",
        message="this looks like a secret in plain text",
        start=start,
        end=end,
        label="everyone who can read the repository can read it",
        help=(
            "keep it out of the file:  secrets: {NAME: env:NAME}  or  file:/run/secrets/name",
            "then replace the secret itself: the old one stays in the history of the repository",
        ),
    )


def _place(name: str, text: str) -> tuple[int, int] | None:
    known = _KNOWN.search(text)
    if known is not None:
        return known.span()
    url = _URL.search(text)
    if url is not None and not _PLACEHOLDER.fullmatch(url[1]):
        return url.span(1)
    if name and _is_secret_by_name(name, text):
        return 0, len(text)
    for pattern in (_ASSIGNED, _LONG_OPTION):
        for found in pattern.finditer(text):
            if sounds_secret(found[1].replace("-", "_")) and _is_random(found[3]):
                return found.span(3)
    return _given_to_program(text)


def _is_secret_by_name(name: str, text: str) -> bool:
    if "{{" in text or "://" in text:
        return False
    if _OF_PROGRAMS.fullmatch(name):
        return bool(text) and "$" not in text and not _PLACEHOLDER.fullmatch(text)
    return sounds_secret(name) and _is_random(text)


def _given_to_program(text: str) -> tuple[int, int] | None:
    """The first secret in an option, a header, a query or a variable of a known program."""
    for form in _FORMS:
        for found in form.pattern.finditer(text):
            group = "secret" if found["secret"] else "key"
            value = found[group]
            if (
                _PLACEHOLDER.fullmatch(value)
                or _PORTS.fullmatch(value)
                or (form.must_look_random and not _is_random(value))
            ):
                continue
            if form.programs is None or form.programs.search(_command_before(text, found.start())):
                return found.span(group)
    return None


def _command_before(text: str, at: int) -> str:
    """The part of a command before an option."""
    near = text[max(0, at - _LONGEST_COMMAND) : at]
    return _ENDS_COMMAND.split(near)[-1]


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
