"""Finds the combinations of a matrix that a user chooses by values of its axes."""

import json
from collections.abc import Collection, Mapping

from engine.answers.combinations import has_values
from engine.answers.newest import FAR
from engine.asking.params import split_params
from engine.core.errors import WrongUsageError
from engine.core.vocabulary import value_text
from engine.ledger.ports import View
from jobfile.model.canonical import spec_from_json
from jobfile.model.jobs import JobSpec
from jobfile.model.values import Scalar


def split_axes(given: tuple[str, ...]) -> dict[str, str]:
    """Split the values of `--matrix`."""
    return split_params(given, option="--matrix")


def refuse_unknown_axes(view: View, job: str, given: Mapping[str, str]) -> None:
    """Raise a usage error for an axis that the matrix of the job does not have."""
    if not given:
        return
    known = view.job_in_force(job) or view.newest_run(job, until=FAR)
    text = view.definition_text(known.digest) if known is not None else None
    if text is None:
        return
    axes = dict.fromkeys(name for one in spec_from_json(text).matrix for name in one)
    for name in given:
        if name not in axes:
            raise _no_axis(job, name, axes)


def jobs_with_axes(view: View, given: Mapping[str, str], jobs: Collection[str] | None) -> frozenset[str]:
    """The jobs, of these or of all, whose newest matrix has a combination with these values; raises a usage
    error if none has.
    """
    found = {
        one.job
        for one in view.newest_definitions()
        if any(has_values(each, given) for each in json.loads(one.text).get("matrix", ()))
    }
    chosen = frozenset(found if jobs is None else found & set(jobs))
    if not chosen:
        named = ", ".join(f"{name}={value}" for name, value in given.items())
        raise WrongUsageError(f"no job{'' if jobs is None else ' of these'} has a matrix with {named}")
    return chosen


def _no_axis(job: str, name: str, axes: Collection[str]) -> WrongUsageError:
    if not axes:
        return WrongUsageError(f"{job} has no `matrix`; remove --matrix")
    return WrongUsageError(f"the matrix of {job} has no axis `{name}`; its axes are {', '.join(axes)}")


def chosen_combinations(spec: JobSpec, given: Mapping[str, str]) -> tuple[Mapping[str, Scalar], ...]:
    """The combinations of a job with these values of its axes; raises a usage error if there are none."""
    if not given:
        return spec.matrix
    axes = dict.fromkeys(name for one in spec.matrix for name in one)
    for name, value in given.items():
        known = dict.fromkeys(value_text(one[name]) for one in spec.matrix if name in one)
        if not known:
            raise _no_axis(spec.name, name, axes)
        if value not in known:
            values = ", ".join(known)
            raise WrongUsageError(
                f"`{value}` is not a value of {name} in the matrix of {spec.name}: {values}"
            )
    found = tuple(one for one in spec.matrix if has_values(one, given))
    if not found:
        raise WrongUsageError(f"the matrix of {spec.name} excludes this combination; remove a --matrix")
    return found
