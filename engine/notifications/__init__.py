"""Who is notified: what is owed is noted with the record that it is about; the kinds of channel."""

__all__ = ["noting", "registry"]
