"""Runs git safely in an untrusted repository: whatever its settings say, only git is executed.

A repository may come from a pull request, an archive or a shared folder, and its own settings can name
programs: git-config(1). So git gets an environment of its own, settings that override those of the
repository, and only commands that do not use the work tree: its filters could only be disabled by name.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from engine.core.errors import RevisionError
from engine.execution.launcher_client import Heard, listen
from engine.host.environment import environment

GIT_SECONDS: Final = 60.0
"""How long git may take for an answer."""
FETCH_SECONDS: Final = 120.0
"""How long a fetch may take."""
MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""Maximum size of an answer in bytes."""
MEMORY_BYTES: Final = 1024 * 1024 * 1024
"""What git may allocate: a few bytes of a repository can stand for many."""
MAX_REVISION: Final = 256
"""Maximum length of a revision, in characters."""

_SETTINGS: Final = (
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.alternateRefsCommand=true",
    "diff.external=",
    "safe.bareRepository=explicit",
    "gpg.program=false",
    "gpg.openpgp.program=false",
    "gpg.x509.program=false",
    "gpg.ssh.program=ssh-keygen",
)
"""Switch off every program that a repository can name, except ssh-keygen, which checks signatures."""
_FETCH_SETTINGS: Final = (
    "protocol.ext.allow=never",
    "fetch.fsckObjects=true",
    "fetch.recurseSubmodules=false",
    "http.saveCookies=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "credential.helper=",
)
"""For a fetch also: no transport that runs commands, no cookies, no clean-up in the background, and none of
the repository's own credential helpers.
"""
_FETCH: Final = (
    *("fetch", "--quiet", "--no-tags", "--no-prune", "--no-write-fetch-head", "--no-recurse-submodules"),
    *("--no-filter", "--upload-pack=git-upload-pack", "--end-of-options"),
)
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_ALLOW_PROTOCOL": "",
    "GIT_ASKPASS": "",
    "GIT_GRAFT_FILE": "/dev/null",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
}
"""Each is explained in git(1). Without a transport, git cannot fetch missing objects on its own."""
_FETCH_ENVIRONMENT: Final = {
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
    "GIT_PROXY_COMMAND": "",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
}
_TAKEN: Final = (
    *("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM"),
    "SUDO_UID",
)
"""Variables passed on to git: where the user's own settings are, and whose
repositories are ours under sudo.
"""
_FETCH_TAKEN: Final = (
    *("USER", "LOGNAME", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS", "KRB5CCNAME"),
    *("http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO", "GIT_SSL_CAPATH"),
)
_OWN_SCOPES: Final = ("system", "global")
_REVISION: Final = re.compile(r"(?!-)[^\x00-\x20\x7f:?*\[\\]+")
"""gitrevisions(7) without paths, text searches and spaces; git checks the rest."""
_FOREIGN: Final = ("dubious ownership", "unsafe repository")
_MISSING: Final = ("lazy fetching disabled", "promisor remote", "transport 'file' not allowed")


def top_of(folder: Path) -> Path:
    """The folder of the repository that a folder is in; raises RevisionError.

    Only the name .git counts. A commit cannot contain that name, but it can contain, in any folder, files
    that git would take for a bare repository.
    """
    whole = Path(os.path.realpath(folder))
    for parent in (whole, *whole.parents):
        if os.path.lexists(parent / ".git"):
            return parent
    raise RevisionError(f"{folder} is not in a git repository")


def git_bytes(
    folder: Path,
    *arguments: str,
    text: bytes = b"",
    most_bytes: int = MAX_ANSWER_BYTES,
) -> bytes:
    """The output of git in the repository around a folder; raises RevisionError with the reason."""
    return _answer(_ask(top_of(folder), arguments, text=text, most_bytes=most_bytes))


def fetch(folder: Path, remote: str, spec: str) -> None:
    """Fetch from a remote, completely: an interrupted fetch leaves the ref where it was.

    Credential helpers are used if the user's own settings name them, never those of the repository.
    """
    top = top_of(folder)
    helpers = _answer(_ask(top, ("config", "--list", "--show-scope", "-z"))).split(b"\0")
    pairs = zip(map(os.fsdecode, helpers[::2]), map(os.fsdecode, helpers[1::2]), strict=False)
    trusted = [
        setting.replace("\n", "=", 1)
        for scope, setting in pairs
        if scope in _OWN_SCOPES and setting.startswith("credential.") and "\n" in setting
    ]
    settings = (*_FETCH_SETTINGS, *trusted)
    _answer(_ask(top, (*_FETCH, remote, spec), settings=settings, fetches=True))


def as_revision(text: str) -> str:
    """A revision that is safe to pass to git; raises RevisionError for any other text."""
    if len(text) > MAX_REVISION or not _REVISION.fullmatch(text):
        raise RevisionError(f"`{text[:MAX_REVISION]}` is not a revision")
    return text


def _ask(
    top: Path,
    arguments: Sequence[str],
    *,
    text: bytes = b"",
    most_bytes: int = MAX_ANSWER_BYTES,
    settings: Sequence[str] = (),
    fetches: bool = False,
) -> Heard:
    environ = environment()
    path = os.pathsep.join(_search_path(environ, top))
    program = shutil.which("git", path=path)
    if program is None:
        raise RevisionError("git was not found: install it, or put its folder in PATH")
    taken = (*_TAKEN, *_FETCH_TAKEN) if fetches else _TAKEN
    env = {name: environ[name] for name in taken if name in environ}
    env |= {**_ENVIRONMENT, **(_FETCH_ENVIRONMENT if fetches else {})}
    env |= {"PATH": path, "GIT_CEILING_DIRECTORIES": str(top.parent)}
    given = [part for setting in (*_SETTINGS, *settings) for part in ("-c", setting)]
    seconds = FETCH_SECONDS if fetches else GIT_SECONDS
    try:
        heard = listen(
            [program, "-C", str(top), "--no-pager", "--no-optional-locks", *given, *arguments],
            env=env,
            text=text,
            most_bytes=most_bytes,
            memory_bytes=MEMORY_BYTES,
            timeout_seconds=seconds,
        )
    except OSError as error:
        raise RevisionError(f"git cannot be started: {error.strerror or error}") from error
    if heard.trouble:
        raise RevisionError(f"git {heard.trouble}")
    return heard


def _search_path(environ: Mapping[str, str], top: Path) -> Iterator[str]:
    """The folders of PATH outside the repository, whose author could have put a `git` into the rest."""
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if folder.startswith("/") and not Path(os.path.realpath(folder)).is_relative_to(top):
            yield folder


def _answer(heard: Heard) -> bytes:
    """The output of git if it succeeded; raises RevisionError with its error message."""
    if heard.code == 0:
        return heard.out
    said = os.fsdecode(heard.complaint)
    if any(words in said for words in _FOREIGN):
        raise RevisionError(
            "this is a repository of another user, which neither git nor jobfile reads. Run as its owner, "
            "or if you trust it:  git config --global --add safe.directory FOLDER"
        )
    if any(words in said for words in _MISSING):
        raise RevisionError(
            "the repository is a partial clone without the needed objects, and jobfile does not fetch them. "
            "Fetch it completely:  git fetch --refetch --no-filter"
        )
    first = next((line for line in said.splitlines() if line.startswith("fatal: ")), said.strip())
    reason = first.removeprefix("fatal: ").partition("\n")[0]
    raise RevisionError(f"git says: {reason or 'it gives no reason'}")
