"""Rules about the request of `http`: where it may go, its headers, and where its outputs are."""

import re
from collections.abc import Iterator
from typing import Final

from jobfile.actions.http import private_hosts
from jobfile.checks.finding import finding
from jobfile.diagnostics.diagnostic import Diagnostic
from jobfile.files.fileset import JobText, Payload
from jobfile.files.merged_settings import Setting
from jobfile.model.pinging import ping_problem
from jobfile.model.regex import regex
from jobfile.model.requests import header_problem, is_header_name, is_ours, url_problem

_AUTHORITY: Final = regex(r"[A-Za-z][A-Za-z0-9+.-]*+://[^/?#]*+[/?#]")
"""The start of a URL, with what ends its host and port."""
_POINTER: Final = regex(r"(/([^~]|~[01])*+)++", re.DOTALL)


def check_url(payload: Payload) -> Iterator[Diagnostic]:
    """JF437, JF438: a request may go to its URL, as far as the file shows."""
    http = payload.settings.get("http")
    url = None if http is None else http.part("url")
    if http is None or url is None or http.is_unsure("allow_private"):
        return
    text, is_open, _ = url.text.partition("{{")
    if is_open and not _AUTHORITY.match(text):
        return  # a value decides where it goes
    problem = url_problem(text.strip() if is_open else text, private_hosts(http))
    if problem is not None:
        code = "JF438" if problem.is_about_address else "JF437"
        yield finding(url, code, problem.message, label="no request goes there", help=(problem.help,))


def check_ping(job: JobText) -> Iterator[Diagnostic]:
    """JF437: what is pinged is a URL, or a place that one is read from. Its author may name any host."""
    target = job.settings.get("ping")
    if target is None or "{{" in target.text:
        return
    if problem := ping_problem(target.text):
        message, _, help_ = problem.partition("; ")
        yield finding(target, "JF437", message, label="nothing is pinged there", help=(help_,))


def check_headers(payload: Payload) -> Iterator[Diagnostic]:
    """JF104, JF105: the names and the written values of headers."""
    http = payload.settings.get("http")
    headers = None if http is None else http.part("headers")
    for header in () if headers is None else headers.parts():
        name = str(header.path[-1])
        if not is_header_name(name):
            label = "expected letters, digits and -"
            yield finding(header, "JF105", f"`{name}` is not a name of a header", label=label, at_key=True)
        elif is_ours(name):
            message = f"header `{name}` is set by jobfile"
            yield finding(header, "JF105", message, label="jobfile computes it from the body", at_key=True)
        elif problem := header_problem(header.text):
            help_ = ("write it on one line, and without  |  or  >",)
            yield finding(header, "JF104", f"header `{name}` has {problem}", label="not allowed", help=help_)


def check_pointers(payload: Payload) -> Iterator[Diagnostic]:
    """JF436: `from` of an output is a JSON pointer, and only a request has one."""
    outputs = payload.settings.get("outputs")
    for one in () if outputs is None else outputs.parts():
        pointer = one.part("from")
        if pointer is None:
            continue
        if "http" not in payload.settings and not payload.is_unsure("http"):
            help_ = "a process appends its outputs to $JOBFILE_OUTPUT"
            yield _misplaced(
                pointer, f"output `{one.path[-1]}` has `from`, but {payload.words} has no `http`", help_
            )
        elif not _POINTER.fullmatch(pointer.text):
            help_ = "write  /NAME/NAME , with an index for an item of a list:  /rows/0/id"
            yield _misplaced(pointer, f"`{pointer.text}` is not a JSON pointer", help_, at_key=False)


def check_no_pointers(job: JobText) -> Iterator[Diagnostic]:
    """JF436: a param has no `from`."""
    params = job.settings.get("params")
    for one in () if params is None else params.parts():
        pointer = one.part("from")
        if pointer is not None:
            help_ = "a param is given with  -p NAME=VALUE, or with `with` of a schedule"
            yield _misplaced(pointer, f"param `{one.path[-1]}` cannot have `from`", help_)


def _misplaced(pointer: Setting, message: str, help_: str, *, at_key: bool = True) -> Diagnostic:
    label = "only an output of `http`" if at_key else "expected a text like /data/rows"
    return finding(pointer, "JF436", message, label=label, help=(help_,), at_key=at_key)
