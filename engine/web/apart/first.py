"""The questions of the first pages that everybody opens."""

from datetime import datetime

from engine.core.access import ALL_JOBS
from engine.web.apart.day import DEFAULT, day_in, look_at_day
from engine.web.apart.jobs import all_jobs
from engine.web.apart.last_day import last_day
from engine.web.apart.question import Question


def first_questions(now: datetime) -> tuple[Question, ...]:
    """Today, the corner, and all jobs: the most urgent first."""
    return (
        Question(look_at_day, (day_in(DEFAULT, now), ALL_JOBS)),
        Question(last_day),
        Question(all_jobs, (), (("is_patient", False),)),
    )
