"""How a message is sent: the kinds of channel, and the pool that sends without holding anything up."""

__all__ = ["courier", "events", "gathering", "ping", "pool"]
