"""`http`: a request, sent by the program that sends those of jobs, with the same rules for addresses."""

import json
from dataclasses import replace
from typing import Final

from engine.actions.http import Http
from engine.actions.kind import Surroundings
from engine.channels.events import event_json
from engine.channels.kind import Failure, Posting, Subject
from engine.core.vocabulary import reason_words
from engine.execution.launcher_client import Heard
from jobfile.model.jobs import ChannelSpec

EVENT_HEADER: Final = "Jobfile-Event"
"""The header with the ids of the events; a receiver that has seen one can ignore it."""
MAX_IDS: Final = 50
"""Maximum number of ids in the header; the body has more."""
_RESPONSE: Final = '{"http-response":'


class HttpChannel:
    """The kind `http`: without a body of its own, it sends the event as JSON."""

    def takes(self, channel: ChannelSpec) -> bool:
        """Whether a channel has a request."""
        return channel.http is not None

    def postings(self, subject: Subject) -> list[Posting]:
        """The request, with the ids of the events as a header."""
        action = subject.channel.http
        assert action is not None
        headers = {EVENT_HEADER: ",".join(subject.message.ids[:MAX_IDS]), **action.headers}
        values = subject.values
        if action.body is None and action.json is None and action.method not in ("GET", "HEAD"):
            headers = {"Content-Type": "application/json", **headers}
            action = replace(action, body="{{ event.json }}")
            values = {**values, "event": {"json": event_json(subject.message)}}
        around = Surroundings(subject.config.main_file.absolute().parent, subject.config.environ)
        prepared = Http().prepare(replace(action, headers=headers), lambda: values, around)
        # How it ended is the last line of its errors; the response itself is never shown.
        return [Posting(argv=prepared.argv, env={**prepared.env, "JOBFILE_OUTPUT": "/dev/stderr"})]

    def failure(self, heard: Heard) -> Failure | None:
        """How the request failed, in the words of a job's request."""
        if heard.trouble:
            return Failure(f"the request {heard.trouble}")
        if heard.code == 0:
            return None
        for line in heard.complaint.decode("utf-8", "replace").splitlines():
            if line.startswith(_RESPONSE):
                found = json.loads(line)["http-response"]
                return Failure(reason_words(found["reason"], found["detail"]), found["wait"])
        return Failure(f"the program that sends requests ended with exit code {heard.code}")
