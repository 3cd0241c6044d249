"""The setting of a simulation: the jobs of the files, the options, and the lengths of past runs."""

from collections.abc import Sequence
from datetime import datetime

from engine.asking.findings import refuse_invalid
from engine.asking.place import Place
from engine.asking.simulating import Options, Reader
from engine.core.errors import UnreadableFileError
from engine.ports import Snapshot
from engine.simulation.subject import Setting
from jobfile.model.catalog import Catalog
from jobfile.model.jobs import JobSpec
from jobfile.pipeline import compile_files


def specs_of(catalog: Catalog) -> tuple[JobSpec, ...]:
    """The jobs to simulate."""
    return tuple(one.spec for one in catalog.jobs)


def catalog_of(snapshot: Snapshot) -> Catalog:
    """The jobs of a set of files; when it has mistakes, prints them and raises."""
    if snapshot.problem:
        raise UnreadableFileError(snapshot.trouble)
    compiled = compile_files(snapshot.files, outside=snapshot.outside)
    if compiled.catalog is None:
        refuse_invalid(compiled)
    return compiled.catalog


def setting_of(options: Options, jobs: Sequence[JobSpec], place: Place, *, now: datetime) -> Setting:
    """The setting that the options describe."""
    config = place.config
    view = place.view_if_any()
    return Reader(options, jobs, now=now, base=place.main_file.parent).setting(
        view, max_running=config.max_running, catchup_starts=config.catchup_starts
    )
