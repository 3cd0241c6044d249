"""Writes one comment on a pull or merge request: found by its first line, created once, then updated.

The token comes from the environment. It is sent only in a header, over TLS (or to this machine).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from engine.core.errors import JobfileError

TIMEOUT_SECONDS = 30
MAX_ANSWER_BYTES = 16 * 1024 * 1024
PAGE = 100
MAX_PAGES = 50
"""Maximum number of pages that are searched. If there are more, a second comment is created."""
MARKERS = ("<!-- jobfile-plan:", "<!-- jobfile-report")
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ForgeError(JobfileError):
    """The service has not accepted the comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """The API of a service for the comments of one request.

    `bot`: the token is that of a CI job, not of a user.
    """

    comments: str
    one: str
    user: str
    headers: Mapping[str, str]
    change: str
    author: tuple[str, ...]
    bot: str = ""


def github(environ: Mapping[str, str], number: int) -> Forge:
    """A pull request on GitHub, by the runner's environment."""
    base = _needed(environ, "GITHUB_API_URL", "https://api.github.com").rstrip("/")
    repository = quote(_needed(environ, "GITHUB_REPOSITORY"))
    return Forge(
        comments=f"{base}/repos/{repository}/issues/{number}/comments",
        one=f"{base}/repos/{repository}/issues/comments",
        user=f"{base}/user",
        headers={
            "Authorization": f"Bearer {_needed(environ, 'GITHUB_TOKEN')}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        },
        change="PATCH",
        author=("user", "login"),
        bot="github-actions[bot]",
    )


def gitlab(environ: Mapping[str, str]) -> Forge:
    """A merge request on GitLab, by the runner's environment."""
    base = _needed(environ, "CI_API_V4_URL").rstrip("/")
    project, request = (quote(_needed(environ, name)) for name in ("CI_PROJECT_ID", "CI_MERGE_REQUEST_IID"))
    notes = f"{base}/projects/{project}/merge_requests/{request}/notes"
    return Forge(
        comments=notes,
        one=notes,
        user=f"{base}/user",
        headers={"PRIVATE-TOKEN": _needed(environ, "GITLAB_TOKEN")},
        change="PUT",
        author=("author", "username"),
    )


def put_comment(forge: Forge, text: str) -> str:
    """Write the comment with the first line of `text`; return `made`, `updated` or `unchanged`."""
    marker = text.partition("\n")[0]
    if not marker.startswith(MARKERS):
        raise ForgeError("this is neither a plan nor a report: make one with  jobfile plan --format markdown")
    ours = _find(forge, marker)
    if ours is None:
        _call(forge, "POST", forge.comments, {"body": text})
        return "made"
    if str(ours.get("body", "")).replace("\r\n", "\n").rstrip() == text.rstrip():
        return "unchanged"
    _call(forge, forge.change, f"{forge.one}/{int(ours['id'])}", {"body": text})
    return "updated"


def _find(forge: Forge, marker: str) -> dict[str, Any] | None:
    """Our comment; a comment of another user with the same first line is not changed."""
    me = _me(forge)
    for page in range(1, MAX_PAGES + 1):
        found = _call(forge, "GET", f"{forge.comments}?per_page={PAGE}&page={page}")
        if not isinstance(found, list):
            raise ForgeError(f"{forge.comments} does not answer with a list of comments")
        for one in found:
            owner, name = forge.author
            is_mine = (one.get(owner) or {}).get(name) == me
            if is_mine and str(one.get("body", "")).partition("\n")[0].rstrip("\r") == marker:
                return dict(one)
        if len(found) < PAGE:
            return None
    return None


def _me(forge: Forge) -> str:
    """The user of the token. A CI job's own token may not ask for it."""
    try:
        found = _call(forge, "GET", forge.user)
    except ForgeError:
        if forge.bot:
            return forge.bot
        raise
    return str(found.get(forge.author[1], "")) if isinstance(found, dict) else ""


class _NoRedirects(HTTPRedirectHandler):
    """Follows no redirect, so that the token is not sent to a different server."""

    def redirect_request(self, *_: object) -> None:
        return None


def _call(forge: Forge, method: str, url: str, body: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401  JSON data
    where = urlsplit(url)
    if where.scheme != "https" and not (where.scheme == "http" and where.hostname in _LOOPBACK):
        raise ForgeError(
            f"the token is not sent over {where.scheme or 'nothing'}: {where.netloc} needs https"
        )
    data = None if body is None else json.dumps(body).encode()
    headers = {**forge.headers, "Content-Type": "application/json", "User-Agent": "jobfile"}
    request = Request(url, data=data, headers=headers, method=method)  # noqa: S310  the scheme was checked
    try:
        with build_opener(_NoRedirects).open(request, timeout=TIMEOUT_SECONDS) as answer:
            content = answer.read(MAX_ANSWER_BYTES + 1)
    except HTTPError as error:
        error.close()
        hint = "; the token may not write here" if error.code in (401, 403, 404) else ""
        raise ForgeError(f"{method} {where.netloc}{where.path} answers {error.code}{hint}") from None
    except (URLError, OSError) as error:
        raise ForgeError(f"{where.netloc} does not answer: {error}") from None
    if len(content) > MAX_ANSWER_BYTES:
        raise ForgeError(f"{where.netloc}{where.path} answers with more than {MAX_ANSWER_BYTES:,} bytes")
    try:
        return json.loads(content or b"null")
    except ValueError:
        raise ForgeError(f"{where.netloc}{where.path} does not answer in JSON") from None


def _needed(environ: Mapping[str, str], name: str, default: str = "") -> str:
    found = environ.get(name) or default
    if not found:
        raise ForgeError(f"${name} is not set: a CI service sets it, but a token you must set yourself")
    return found
