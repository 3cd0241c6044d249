"""The OpenAPI document of the API, made from the operations and from schemas/."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from starlette.responses import Response

from engine.web.access import Access
from engine.web.api import acting, downloads, plans, reading
from engine.web.api.downloads import Download
from engine.web.api.looks import TEXT
from engine.web.api.operations import PREFIX, Given, Operation
from engine.web.refusing import PROBLEM
from engine.web.routing import KINDS
from engine.web.visits import Route, Visit
from jobfile import __version__
from jobfile.schema.validator import schema_named

OPERATIONS: Final[Sequence[Operation]] = (*reading.OPERATIONS, *acting.OPERATIONS, *plans.OPERATIONS)
_PROBLEM: Final = {
    "type": "object",
    "description": "Why there is no answer (RFC 9457).",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"const": "about:blank"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was found, and what was expected."},
        "code": {"type": "string", "description": "What kind of error it is: docs/api.md."},
        "message": {
            "type": "string",
            "description": "The message of the command, with its options, if it differs from `detail`.",
        },
        "errors": {
            "type": "object",
            "description": "What is wrong with each field.",
            "additionalProperties": {"type": "string"},
        },
    },
}
_REFUSALS: Final = {
    "400": "The request is not well formed.",
    "401": "No token, or one that is not valid.",
    "403": "The token may not do this.",
    "404": "There is no such job or run, or the token may not see it.",
    "409": "It cannot be done now.",
    "413": "The body is too large.",
    "414": "The address is too long.",
    "415": "The body is not JSON.",
    "422": "A parameter or a field is wrong.",
    "429": "Too many requests; try again after the time in Retry-After.",
    "503": "The ledger cannot be used now.",
}


def show(_visit: Visit) -> Response:
    """The document."""
    return Response(_text(), media_type="application/json")


@cache
def _text() -> str:
    return f"{json.dumps(document(), indent=2)}\n"


def document() -> dict[str, Any]:
    """The document as data."""
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS:
        paths.setdefault(f"{PREFIX}{one.path}", {})[one.method.lower()] = _operation(one)
    for file in downloads.OPERATIONS:
        paths[f"{PREFIX}{file.path}"] = {"get": _download(file)}
    names = sorted({name for one in OPERATIONS for name in (one.schema, one.also) if name})
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jobfile",
            "version": __version__,
            "description": "The answers that commands print with --json, and their actions on runs and jobs.",
        },
        "paths": paths,
        "security": [{"token": []}],
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"problem": _PROBLEM, **{name: _schema(name) for name in names}},
        },
    }


def _operation(one: Operation) -> dict[str, Any]:
    found: dict[str, Any] = {
        **_asked(one.method, one.path, one.about, one.query),
        "responses": {
            **{status: _answer(one) for status in _good(one)},
            **{status: _refusal(about) for status, about in _REFUSALS.items()},
        },
    }
    if one.body:
        fields = {
            given.name: {"type": given.type, "description": given.about, **given.more} for given in one.body
        }
        schema = {"type": "object", "properties": fields, "additionalProperties": False}
        found["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    if one.access is not Access.VIEW:
        found["description"] = f"Needs the role {one.access.role}."
    return found


def _asked(method: str, path: str, about: str, query: Sequence[Given]) -> dict[str, Any]:
    """What an operation is and takes."""
    parts = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return {
        "summary": about,
        "operationId": f"{method.lower()}_{path.strip('/').replace('/', '_').translate(_NO_BRACES)}",
        "parameters": [*map(_path_parameter, parts), *map(_query_parameter, query)],
    }


def _download(one: Download) -> dict[str, Any]:
    """An operation whose answer is a file."""
    kind = TEXT if one.path.endswith("output") else "application/octet-stream"
    file = {"description": "The file.", "content": {kind: {"schema": {}}}}
    refusals = {
        **_REFUSALS,
        "410": "The copy of the file is gone, or was changed.",
        "416": "The file is shorter.",
    }
    return {
        **_asked("GET", one.path, one.about, one.query),
        "responses": {
            "200": file,
            "206": file,
            **{status: _refusal(why) for status, why in refusals.items()},
        },
    }


_NO_BRACES: Final = str.maketrans("", "", "{}")


def _good(one: Operation) -> tuple[str, ...]:
    return ("200", "202") if one.schema in ("run", "submitted") and one.body else ("200",)


def _path_parameter(name: str) -> Mapping[str, Any]:
    schema = {"type": "string", "pattern": f"^{KINDS[name].pattern}$"}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameter(given: Given) -> Mapping[str, Any]:
    schema: dict[str, Any] = {"type": given.type, **given.more}
    if given.is_repeated:
        schema = {"type": "array", "items": schema}
    return {"name": given.name, "in": "query", "description": given.about, "schema": schema}


def _answer(one: Operation) -> Mapping[str, Any]:
    named = [{"$ref": f"#/components/schemas/{name}"} for name in (one.schema, one.also) if name]
    where = named[0] if len(named) == 1 else {"anyOf": named}
    text = {TEXT: {"schema": {"type": "string"}}}
    return {"description": "The answer.", "content": {"application/json": {"schema": where}, **text}}


def _refusal(about: str) -> Mapping[str, Any]:
    where = {"$ref": "#/components/schemas/problem"}
    return {"description": about, "content": {PROBLEM: {"schema": where}}}


def _schema(name: str) -> Any:  # noqa: ANN401  JSON data
    """A schema of schemas/, whose references lead to their new place."""
    found = json.loads(schema_named(name))
    del found["$schema"]
    return _moved(found, name)


def _moved(value: Any, name: str) -> Any:  # noqa: ANN401  JSON data
    if isinstance(value, dict):
        return {
            key: f"#/components/schemas/{name}{one.removeprefix('#')}"
            if key == "$ref" and isinstance(one, str)
            else _moved(one, name)
            for key, one in value.items()
        }
    return [_moved(one, name) for one in value] if isinstance(value, list) else value


ROUTES: Final = (
    Route("GET", f"{PREFIX}/openapi.json", Access.VIEW, show, is_for_limited=True, is_page=False),
)
