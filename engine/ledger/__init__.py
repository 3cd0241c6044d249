"""The record of every occurrence, run and attempt: what a store must do, and the stores."""

__all__ = ["health", "opening", "ports", "rows", "soundness_ports", "store_ports"]
