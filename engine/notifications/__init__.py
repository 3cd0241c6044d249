"""Who is notified of what: notifications are noted with the record they are about; the kinds of channel."""

__all__ = ["noting", "registry"]
