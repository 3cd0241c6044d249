"""What a shell offers while a user types: commands, options, and the names of jobs, runs and params."""

__all__ = ["candidates", "known_names", "names_there"]
