"""The names that a channel may use: those of the event, and the params of every job."""

import pytest

from jobfile.compile import compile_channels
from jobfile.pipeline import compile_files

TEXT = """\
version: 1
vars: {{team: ops, other: x}}
channels:
  chat: {{http: {{url: "https://example.com", body: "{body}"}}}}
jobs:
  one: {{run: x, params: {{shop: {{type: string}}, n: {{type: integer}}}}, notify: {{failed: [chat]}}}}
  two: {{run: x, params: {{n: {{type: string}}}}}}
"""


def codes(body: str) -> list[str]:
    found = compile_files([("jobs.yaml", TEXT.format(body=body).encode())]).diagnostics
    return [one.code for one in found if one.is_error]


@pytest.mark.parametrize(
    "body",
    [
        "{{ event.title }} {{ event.text }} {{ event.id }} {{ event.kind }} {{ event.log_tail }}",
        "{{ event.job }} {{ event.run_id }} {{ event.status }} {{ event.url }} {{ event.owner }}",
        "{{ event.error }} {{ event.attempt }} {{ vars.team }} {{ vars.other }}",
        "{{ event.exit_code | default('-') }} {{ event.duration | default('-') }}",
        "{{ event.params.shop | default('-') }}",
        "{{ event.scheduled_at | default('-') }}",
    ],
)
def test_each_name_of_the_event_may_be_used(body: str) -> None:
    assert codes(body) == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("{{ event.exit_code }}", "JF404"),
        ("{{ event.params.shop }}", "JF404"),
        ("{{ event.params.shopp | default('-') }}", "JF402"),
        ("{{ event.colour }}", "JF402"),
        ("{{ params.shop }}", "JF403"),
    ],
)
def test_a_name_that_is_unknown_or_may_be_null_is_a_mistake(body: str, code: str) -> None:
    assert code in codes(body)


def test_a_request_of_a_channel_is_a_post_and_a_job_keeps_the_constants_that_its_channels_read() -> None:
    compiled = compile_files([("jobs.yaml", TEXT.format(body="{{ vars.team }} {{ event.title }}").encode())])
    assert compiled.catalog is not None
    assert compiled.files is not None
    job = compiled.catalog.job("one")
    assert job is not None
    (channel,) = job.spec.notify["failed"]
    assert channel.http is not None
    assert channel.http.method == "POST"
    assert job.spec.vars == {"team": "ops"}
    assert compile_channels(compiled.files)["chat"] == (channel, {"team": "ops"})
