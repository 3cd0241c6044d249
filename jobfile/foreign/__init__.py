"""Names files of other tools, and writes their first job, and their schedules, as jobfile does."""

__all__ = ["recogniser", "schedule_texts"]
