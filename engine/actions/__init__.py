"""What a job does: how each kind of action becomes an order to start a process."""

__all__ = ["prepare", "registry", "unsupported"]
