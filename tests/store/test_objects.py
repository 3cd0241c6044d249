"""Object stores that cannot be used here: their URLs are read as documented, and errors say what to do."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.core.errors import OutputsUnavailableError
from engine.ledger.objects import CREDENTIALS, ObjectOutputs

ASK = """
import sys
from engine.core.errors import OutputsUnavailableError
from engine.core.lifecycle import AttemptKey
from engine.ledger.objects import ObjectOutputs
try:
    ObjectOutputs(sys.argv[1]).sent(AttemptKey("0" * 32, 1), copy=0)
except OutputsUnavailableError as error:
    print(error)
"""
URLS = {
    "s3": "s3://bucket/some/prefix",
    "gs": "gs://bucket/some/prefix",
    "az": "az://account/bucket/some/prefix",
}


@pytest.mark.parametrize("scheme", URLS)
def test_a_url_names_a_bucket_and_a_prefix(scheme: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "GOOGLE_", "AZURE_"))]:
        monkeypatch.delenv(name)
    store = ObjectOutputs(URLS[scheme])._store
    assert store.prefix == "some/prefix"  # type: ignore[union-attr]  # a store in memory has none
    config = dict(store.config)  # type: ignore[union-attr]  # as above
    assert config.get("bucket") or config.get("container_name") == "bucket"
    assert config.get("account_name") == ("account" if scheme == "az" else None)


@pytest.mark.parametrize("url", ["az://account", "az://", "az:///container", "s3://", "gs://"])
def test_a_url_that_names_no_place_is_refused(url: str) -> None:
    with pytest.raises(OutputsUnavailableError) as caught:
        ObjectOutputs(url)
    assert "Debug" not in str(caught.value), "what is for those who build the package"
    assert url in str(caught.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a network without the clouds' own addresses")
@pytest.mark.parametrize("scheme", URLS)
def test_without_credentials_an_error_names_their_variables_soon(scheme: str) -> None:
    command = ["unshare", "-n", sys.executable, "-c", ASK, URLS[scheme]]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())}
    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert f"cannot be reached (no credentials: set {CREDENTIALS[scheme]} (" in said.stdout, (
        said.stdout + said.stderr
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="as above")
def test_a_store_that_cannot_be_reached_is_reported_without_its_secret() -> None:
    command = ["unshare", "-n", sys.executable, "-c", ASK, URLS["s3"]]
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd()), "AWS_ACCESS_KEY_ID": "somebody"}
    env |= {
        "AWS_SECRET_ACCESS_KEY": "pa55word",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "1",
    }
    said = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
    assert "the outputs in s3://bucket/some/prefix cannot be reached" in said.stdout
    assert "pa55word" not in said.stdout + said.stderr
