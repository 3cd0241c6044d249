"""A store with the API of S3: requests are signed as AWS says; an error names what is wrong, not the key."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from engine.answers.failure import advice_in
from engine.core.errors import OutputsUnavailableError
from engine.core.lifecycle import AttemptKey
from engine.core.pieces import LOG, Piece, Whereabouts
from engine.ledger.objects import ObjectOutputs
from tests.stand_in_s3 import (
    BUCKET,
    MOST_LISTED,
    REGION,
    SECRET,
    Asked,
    ObjectServer,
    RefusedError,
    check,
    object_server,
    signature_of,
)

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
PUBLISHED = Asked(
    "GET",
    "/test.txt",
    "",
    {
        "host": "examplebucket.s3.amazonaws.com",
        "range": "bytes=0-9",
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": "20130524T000000Z",
    },
    b"",
)
"""The first example of AWS, "Signature Calculations for the Authorization Header"."""
URL = f"s3://{BUCKET}/outputs"
KEY = AttemptKey("a" * 32, 1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectServer]:
    with object_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture(autouse=True)
def _reachable(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environ.items():
        monkeypatch.setenv(name, value)


def test_the_stand_in_computes_the_signature_that_aws_has_published() -> None:
    found = signature_of(
        PUBLISHED,
        ["host", "range", "x-amz-content-sha256", "x-amz-date"],
        "20130524/us-east-1/s3/aws4_request",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    )
    assert found == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"


NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
SIGNED = ["host", "x-amz-content-sha256", "x-amz-date"]


def signed(**changes: object) -> Asked:
    """A request that is signed well, and changed afterwards."""
    scope = f"20261201/{REGION}/s3/aws4_request"
    headers = {"host": "here", "x-amz-content-sha256": EMPTY, "x-amz-date": "20261201T120000Z"}
    plain = Asked("PUT", "/b/name", "", headers, b"")
    about = f"Credential=known/{scope}, SignedHeaders={';'.join(SIGNED)}"
    value = f"AWS4-HMAC-SHA256 {about}, Signature={signature_of(plain, SIGNED, scope, 'secret')}"
    return plain._replace(headers={**headers, "authorization": value})._replace(**changes)


def test_the_stand_in_takes_what_is_signed_well() -> None:
    check(signed(), {"known": "secret"}, now=NOW)


@pytest.mark.parametrize(
    ("asked", "keys", "now", "code"),
    [
        (signed(), {"known": "other"}, NOW, "SignatureDoesNotMatch"),
        (signed(), {"other": "secret"}, NOW, "InvalidAccessKeyId"),
        (signed(path="/b/other"), {"known": "secret"}, NOW, "SignatureDoesNotMatch"),
        (signed(method="DELETE"), {"known": "secret"}, NOW, "SignatureDoesNotMatch"),
        (signed(query="delete="), {"known": "secret"}, NOW, "SignatureDoesNotMatch"),
        (signed(body=b"changed"), {"known": "secret"}, NOW, "XAmzContentSHA256Mismatch"),
        (signed(), {"known": "secret"}, NOW + timedelta(minutes=16), "RequestTimeTooSkewed"),
        (signed(headers=PUBLISHED.headers), {"known": "secret"}, NOW, "AccessDenied"),
    ],
)
def test_the_stand_in_refuses_what_is_not(
    asked: Asked, keys: dict[str, str], now: datetime, code: str
) -> None:
    with pytest.raises(RefusedError, match=code):
        check(asked, keys, now=now)


@pytest.mark.parametrize(
    ("url", "variables", "said"),
    [
        (URL, {"AWS_SECRET_ACCESS_KEY": "wrong-pa55word"}, "SignatureDoesNotMatch"),
        (URL, {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWN"}, "InvalidAccessKeyId"),
        ("s3://missing/outputs", {}, "NoSuchBucket"),
        (URL, {"AWS_REGION": "us-east-1"}, "AuthorizationHeaderMalformed"),
        (URL, {"AWS_ALLOW_HTTP": "false"}, "AWS_ALLOW_HTTP=true"),
    ],
)
def test_an_error_names_what_is_wrong_and_what_to_do(
    url: str, variables: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    store = ObjectOutputs(url)
    for act in (
        lambda: store.sent(KEY, copy=LOG),
        lambda: store.append([Piece(KEY, LOG, 0, b"some")], host=""),
    ):
        with pytest.raises(OutputsUnavailableError) as caught:
            act()
        told = str(caught.value)
        assert said in told
        assert url in told
        assert advice_in(told), told
        assert SECRET not in told
        assert "pa55word" not in told


def test_a_server_that_is_away_is_told_and_what_it_had_is_there_when_it_is_back(server: ObjectServer) -> None:
    store = ObjectOutputs(URL)
    store.append([Piece(KEY, LOG, 0, b"before")], host="")
    server.stop()
    try:
        with pytest.raises(OutputsUnavailableError, match="error sending request") as caught:
            store.append([Piece(KEY, LOG, 0, b"before and after")], host="")
        assert "aaaa" not in str(caught.value), "the name of an object hides what went wrong"
    finally:
        server.start()
    assert store.sent(KEY, copy=LOG) == Whereabouts(0, len(b"before"))
    store.append([Piece(KEY, LOG, 0, b"before and after")], host="")
    assert [one.content for one in store.read(KEY, copy=LOG, seq=0, size=0, limit=9)] == [b"before and after"]


def test_a_run_with_more_objects_than_a_page_of_a_listing_is_deleted_whole(server: ObjectServer) -> None:
    store, run = ObjectOutputs(URL), AttemptKey("b" * 32, 1)
    store.append([Piece(run, LOG, seq, b"x") for seq in range(MOST_LISTED + 5)], host="")
    kept = store.total_bytes()
    assert store.sent(run, copy=LOG).seq == MOST_LISTED + 4
    assert store.drop(run.run_id, logs=True) == kept - store.total_bytes() > 0
    assert not [name for name in server.objects() if "b" * 32 in name]
