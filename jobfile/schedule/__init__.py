"""Schedule entries in, instants out: cron, calendars, time zones, and the same in words."""
