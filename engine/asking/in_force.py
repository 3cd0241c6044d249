"""Answers from the jobs in force while the job files have errors."""

from collections.abc import Collection

from engine.asking.findings import refuse_invalid
from engine.asking.place import Place
from jobfile.model.catalog import Catalog
from jobfile.model.counts import many
from jobfile.pipeline import Looked


def catalog_in_force(looked: Looked, place: Place, *, jobs: Collection[str] = ()) -> Catalog:
    """The generation in force, in place of files with errors, with a line about that on standard error.

    If there is no generation, or it does not have these jobs, prints the errors and raises.
    """
    from engine.planning.sides import engine_side  # noqa: PLC0415  start-up time: only after an error

    view = place.view_if_any()
    side = None if view is None else engine_side(view)
    if side is None or not side.generation or not side.catalog.names >= set(jobs):
        refuse_invalid(looked)
    errors = many(sum(one.is_error for one in looked.diagnostics), "error")
    about = f"the answer is from generation {side.generation}, which is in force"
    line = f"{place.main_file} has {errors}; {about}. To see the errors:  jobfile check"
    place.note(line)
    return side.catalog
