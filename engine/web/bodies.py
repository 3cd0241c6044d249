"""Reads the body of a request: a form or a JSON object, within limits, and nothing in it twice."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from starlette.types import Receive

from engine.web.limits import MAX_FIELDS, MAX_INTEGER_DIGITS, MAX_JSON_DEPTH
from engine.web.refusing import RefusedError
from engine.web.visits import Fields

FORM, JSON = "application/x-www-form-urlencoded", "application/json"


async def read_body(receive: Receive, headers: Mapping[str, str], *, most: int) -> bytes:
    """The body. A declared length is refused before a byte is read, any other while it is read."""
    declared = headers.get("content-length", "0")
    if not declared.isascii() or not declared.isdigit():
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the length of the body is not a number")
    if len(declared) > MAX_INTEGER_DIGITS or int(declared) > most:
        _too_large(most)
    body, is_more = b"", True
    while is_more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the request ended early")
        body += message.get("body", b"")
        if len(body) > most:
            _too_large(most)
        is_more = message.get("more_body", False)
    return body


def media_type(headers: Mapping[str, str]) -> str:
    """The kind of the body, without its parameters."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_fields(text: str) -> Fields:
    """The fields of a query or a form."""
    try:
        pairs = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=bool(text),
            errors="strict",
            max_num_fields=MAX_FIELDS,
        )
    except (ValueError, UnicodeDecodeError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "these are not fields with values") from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "a field has a NUL character")
    return Fields(pairs)


def parse_object(body: bytes) -> Mapping[str, object]:
    """The JSON object of a body; {} for none."""
    if not body:
        return {}
    try:
        found = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_once,
            parse_constant=_no_number,
            parse_int=_integer,
        )
    except RefusedError:
        raise
    except (ValueError, RecursionError):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is not JSON") from None
    if not isinstance(found, dict):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is not a JSON object")
    _check_depth(found)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "a key is given twice")
    return found


def _no_number(_text: str) -> NoReturn:
    raise RefusedError(HTTPStatus.BAD_REQUEST, "NaN and Infinity are no JSON")


def _integer(text: str) -> int:
    if len(text.removeprefix("-")) > MAX_INTEGER_DIGITS:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"an integer has more than {MAX_INTEGER_DIGITS} digits")
    return int(text)


def _check_depth(value: object) -> None:
    """Refuse what is nested too deeply, and text that no ledger may hold."""
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > MAX_JSON_DEPTH:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"the body is nested more than {MAX_JSON_DEPTH} deep")
        inside: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inside += [*one, *one.values()]
            elif isinstance(one, list):
                inside += one
            elif isinstance(one, str) and ("\0" in one or any("\ud800" <= char <= "\udfff" for char in one)):
                raise RefusedError(HTTPStatus.BAD_REQUEST, "a text has a character that is not valid")
        level = inside


def _too_large(most: int) -> NoReturn:
    raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {most // 1024} KiB")
