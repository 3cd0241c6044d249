"""Turns schedule entries into instants and into words: cron, calendars, time zones."""

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
