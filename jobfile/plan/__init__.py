"""What a change of job files means: which jobs change, and which runs appear, move and vanish."""

from jobfile.plan.making import make_plan
from jobfile.plan.values import JobFacts, Plan, Side

__all__ = [
    "JobFacts",
    "Plan",
    "Side",
    "as_json",
    "filters",
    "make_plan",
    "markdown",
    "page",
    "rates",
    "renames",
    "summary",
    "table",
    "text",
    "values",
    "wording",
]
