"""The digests of channels as written: each has a schedule, to which the rules for those of jobs apply."""

from collections.abc import Iterator
from functools import cached_property

from jobfile.diagnostics.diagnostic import DocumentPath
from jobfile.files.fileset import FileSet, JobText
from jobfile.files.merged_settings import Layer, map_at


class DigestText(JobText):
    """The digest of a channel, in the form of a job that has only a schedule. No default applies to it."""

    @property
    def path(self) -> DocumentPath:
        """The path of the digest in its document."""
        return ("channels", self.name, "digest")

    @property
    def words(self) -> str:
        """The digest's name in messages."""
        return f"the digest of channel `{self.name}`"

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """Its own map alone."""
        return ((self.document, self.path),)


def digests_of(files: FileSet) -> Iterator[DigestText]:
    """The digests of the channels of the main file."""
    for name in map_at(files.main, ("channels",)):
        if map_at(files.main, ("channels", name, "digest")):
            yield DigestText(files, files.main, name)
