"""Who is notified of what: notifications are noted with the record they are about, and become messages."""

__all__ = ["batches", "digests", "examples", "heartbeat", "message", "noting", "quiet", "system_channels"]
