"""The jobs that an `after` trigger names, with the places of their names."""

from collections.abc import Iterator, Mapping

from jobfile.files.merged_settings import Setting

SEVERAL = ("all", "any")
"""The keys of an `after` trigger with a list of jobs."""


def followed(trigger: Setting) -> Iterator[Setting]:
    """Each place where a trigger names a job that it follows."""
    after = trigger.part("after")
    if after is None:
        return
    if not isinstance(after.value, Mapping):
        yield after
        return
    for key in ("job", *SEVERAL):
        named = after.part(key)
        if named is not None:
            yield from named.entries()


def needs_all(trigger: Setting) -> bool:
    """Whether an `after` trigger waits for all jobs that it names."""
    after = trigger.part("after")
    return after is not None and after.part("all") is not None
