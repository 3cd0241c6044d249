"""The durable record of every occurrence, run and attempt: the ports that a store
implements, and the stores.
"""

__all__ = [
    "copy_ports",
    "event_ports",
    "health",
    "host_ports",
    "moving",
    "opening",
    "past_ports",
    "ports",
    "reader_ports",
    "row_memory",
    "soundness_ports",
    "source_fact",
    "store_ports",
    "watched_fact",
]
