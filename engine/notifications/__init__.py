"""Who is notified of what: notifications are noted with the record they are about, and become messages."""

__all__ = ["batches", "heartbeat", "message", "noting", "system_channels"]
