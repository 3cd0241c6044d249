"""The durable record of every occurrence, run and attempt: the ports that a store
implements, and the stores.
"""

__all__ = ["health", "opening", "ports", "soundness_ports", "source_fact", "store_ports", "watched_fact"]
