"""What starts a job besides its schedule, in words; the same from a job and from its form in the ledger."""

from datetime import timedelta

import pytest

from engine.answers.expected import item_of
from engine.answers.starts import file_of, folder_words, requested_words, starts_of, webhook_of
from engine.core.lifecycle import TriggerKind
from engine.core.records import Watched
from jobfile.model.jobs import AfterTrigger, BootTrigger, FileTrigger, Trigger
from jobfile.model.webhooks import WebhookTrigger
from tests.builders import NOON, a_job, a_run


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (FileTrigger(folder="in"), "on a file in in/"),
        (FileTrigger(folder="/srv/in/"), "on a file in /srv/in/"),
        (FileTrigger(folder="in", match="*.csv"), "on a file in in/ that matches *.csv"),
        (
            FileTrigger(folder="in", match="*.csv", recursive=True),
            "on a file in in/ or a folder in it that matches *.csv",
        ),
        (AfterTrigger(job="load"), "after load"),
        (WebhookTrigger(webhook="hook"), "on a call of /hooks/hook"),
        (BootTrigger(), "at the start of the host"),
    ],
)
def test_each_trigger_has_words(trigger: Trigger, words: str) -> None:
    assert starts_of(a_job(triggers=(trigger, BootTrigger()))) == (words, "at the start of the host")


def test_a_job_without_triggers_has_none() -> None:
    assert starts_of(a_job()) == ()


def test_a_run_of_a_file_names_it_on_one_line() -> None:
    run = a_run(trigger=TriggerKind.FILE, trigger_values={"path": "/in/a\nb\tc", "size": 3})
    assert file_of(run) == "/in/a\\nb\\tc"
    assert requested_words(item_of(run)) == "for the file /in/a\\nb\\tc, found at"


def test_a_run_of_a_webhook_names_it() -> None:
    run = a_run(trigger=TriggerKind.WEBHOOK, trigger_values={"webhook": "shop/paid", "id": "evt_1"})
    assert webhook_of(run) == "/hooks/shop/paid"
    assert requested_words(item_of(run)) == "by a call of /hooks/shop/paid at"
    assert (webhook_of(None), webhook_of(a_run(trigger=TriggerKind.MANUAL))) == ("", "")


def test_other_runs_have_no_file() -> None:
    other = a_run(trigger=TriggerKind.MANUAL, trigger_values={"path": "/in/a"})
    assert (file_of(None), file_of(other), file_of(a_run(trigger=TriggerKind.FILE))) == ("", "", "")
    assert requested_words(item_of(other)) == "requested at"


def test_the_trouble_of_a_folder_has_its_time() -> None:
    at = NOON + timedelta(hours=1)
    assert folder_words(Watched("/in", ("a",), "/in does not exist", at)) == (
        "/in does not exist (since 2026-03-05 13:00 UTC)"
    )
    assert folder_words(Watched("/in", ("a",), "/in does not exist")) == "/in does not exist"
    assert folder_words(Watched("/in", ("a",), since=at)) == ""
