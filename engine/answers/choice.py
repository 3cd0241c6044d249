"""Which jobs an answer is about: all, or those with one of some tags or owners."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Self

from engine.answers.starts import starts_in, starts_of
from engine.ledger.ports import Overview
from jobfile.model.dataclass import dataclass
from jobfile.model.namedtuple import NamedTuple

if TYPE_CHECKING:
    from jobfile.model.jobs import JobSpec


class Labels(NamedTuple):
    """The owner, tags, zone and title of a job, from its definition."""

    owner: str = ""
    tags: tuple[str, ...] = ()
    timezone: str = "UTC"
    title: str = ""
    starts: tuple[str, ...] = ()
    """What starts it besides its schedule, in words."""

    @classmethod
    def of(cls, spec: "JobSpec") -> Self:
        """The labels of a compiled job."""
        return cls(spec.owner, spec.tags, spec.timezone, spec.title, starts_of(spec))


KEPT_LABELS = 20_000
"""Number of definitions whose labels are kept."""
MAX_KNOWN = 12
"""Maximum number of words listed after an unknown one."""

UNKNOWN = Labels()
"""The labels of a job whose definition cannot be read. It fits every choice: it must not be missing where it
may belong.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A job fits if it has one of the tags and one of the owners; an empty list leaves no job out."""

    tags: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether every job fits."""
        return not (self.tags or self.owners)

    def fits(self, labels: Labels) -> bool:
        """Whether a job with these labels is chosen."""
        if labels is UNKNOWN:
            return True
        has_tag = not self.tags or any(tag in labels.tags for tag in self.tags)
        return has_tag and (not self.owners or labels.owner in self.owners)


ALL = Choice()


def known_labels(view: Overview) -> Mapping[str, Labels]:
    """The labels of each job that was ever applied or run, from its newest definition."""
    return {one.job: _labels_in(one.text) for one in view.newest_definitions()}


@lru_cache(KEPT_LABELS)
def _labels_in(text: str) -> Labels:
    """Only these keys, without parsing the whole definition: there may be thousands of jobs. A server that is
    asked again and again reads each definition once.
    """
    plain = json.loads(text)
    tags = tuple(plain.get("tags", ()))
    title, starts = plain.get("title", ""), starts_in(plain.get("triggers", ()))
    return Labels(plain.get("owner", ""), tags, plain["timezone"], title, starts)


def unknown_word(choice: Choice, known: Iterable[Labels]) -> str:
    """A tag or an owner of the choice that no job has, as a sentence; empty if each is known.

    With a typing mistake, the answer would be about no job, and would wrongly say that all is well.
    """
    labels = tuple(known)
    tags = frozenset(tag for one in labels for tag in one.tags)
    owners = frozenset(one.owner for one in labels)
    for kind, given, there in (("tag", choice.tags, tags), ("owner", choice.owners, owners)):
        for word in given:
            if word not in there:
                return f"no job here has the {kind} `{word}`{_hint(word, there)}"
    return ""


def _hint(word: str, there: frozenset[str]) -> str:
    from jobfile.diagnostics.suggest import suggest  # noqa: PLC0415  start-up time: only after a mistake

    near = suggest(word, there)
    known = ", ".join(sorted(filter(None, there))[:MAX_KNOWN]) or "none"
    return f"; did you mean {' or '.join(near)}?" if near else f"; known: {known}"
