"""A job with all its defaults, as the files define it or as a run used it."""

from collections.abc import Mapping

from engine.answers.shown import Shown, show_in_force, show_job
from engine.asking.findings import refuse_invalid
from engine.asking.in_force import catalog_in_force
from engine.asking.naming import find_run, is_known, is_run_id, unknown_job
from engine.asking.place import Place
from engine.core.errors import UnreadableFileError
from engine.core.lifecycle import Run
from engine.ledger.ports import View
from engine.sources.folder import FolderTree
from jobfile.pipeline import compile_files


def job_from_files(job: str, overrides: Mapping[str, str], place: Place) -> Shown:
    """The job as the files define it; when they have errors, the one in force, or the errors are printed."""
    snapshot = FolderTree(place.main_file).snapshot()
    if snapshot.problem:
        raise UnreadableFileError(snapshot.trouble)
    compiled = compile_files(snapshot.files, outside=snapshot.outside, overrides=overrides)
    if compiled.catalog is None or compiled.files is None:
        if overrides:
            refuse_invalid(compiled)
        old = catalog_in_force(compiled, place, jobs=(job,)).job(job)
        assert old is not None
        return show_in_force(old)
    found = compiled.catalog.job(job)
    if found is None:
        raise unknown_job(job, f"in {place.main_file}", known=compiled.catalog.names)
    return show_job(found, compiled.files.jobs[job])


def run_named(text: str, place: Place) -> tuple[View, Run] | None:
    """The run whose id begins with `text`, with its ledger; None if `text` is the name of a job."""
    view = place.view_if_any() if is_run_id(text) else None
    if view is None or is_known(view, text) or not view.runs_with_prefix(text.lower()):
        return None
    return view, find_run(view, text)
