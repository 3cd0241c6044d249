"""`http`: a request. A channel's request is compiled here too."""

from collections.abc import Iterator

from jobfile.actions.kind import Written, strings
from jobfile.files.fileset import Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.jobs import DEFAULT_STATUS, HttpAction


class Http:
    """A request, with the statuses and the text that count as success."""

    key = "http"
    made = HttpAction
    has_parts = True

    def compile(self, payload: Payload) -> HttpAction:
        """The request of a job or step."""
        return request_of(payload.settings["http"])

    def texts(self, action: HttpAction) -> Iterator[str]:
        """Its URL, headers, body, and what the answer must contain."""
        yield from (action.url, *action.headers.values(), action.body or "", action.contains or "")
        yield from strings(action.json)

    def written(self, action: HttpAction) -> tuple[Written, ...]:
        """The request in one line."""
        return (Written("http", f"{action.method} {action.url}"),)


def request_of(setting: Setting, *, method: str = "GET") -> HttpAction:
    """A request, as jobs, steps and channels write it; `method` is the default."""
    body, contains, json = setting.part("body"), setting.part("contains"), setting.part("json")
    url, headers, status = setting.part("url"), setting.part("headers"), setting.part("status")
    assert url is not None
    return HttpAction(
        url=url.text,
        method=setting.value.get("method", method),
        headers={} if headers is None else {str(one.path[-1]): one.text for one in headers.parts()},
        body=None if body is None else body.text,
        json=None if json is None else json.value,
        status=DEFAULT_STATUS if status is None else tuple(_range(one.text) for one in status.parts()),
        contains=None if contains is None else contains.text,
        allow_private=private_hosts(setting),
    )


def private_hosts(setting: Setting) -> tuple[str, ...]:
    """The internal hosts that a request names, in one form."""
    allowed = setting.part("allow_private")
    return () if allowed is None else tuple(sorted({one.text.lower() for one in allowed.parts()}))


def _range(text: str) -> tuple[int, int]:
    """`200` or `200..299` as the first and the last status."""
    first, _, last = text.partition("..")
    return int(first), int(last or first)
