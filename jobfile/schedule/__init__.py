"""Schedule entries in, instants out: cron, calendars, time zones, and the same in words."""

__all__ = [
    "cron",
    "cron_fields",
    "dates",
    "day_sets",
    "duration",
    "in_words",
    "local_times",
    "occurrences",
    "zones",
]
