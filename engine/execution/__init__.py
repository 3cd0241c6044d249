"""The engine's side of an attempt: its launcher, its folder, and what its evidence says."""

__all__ = [
    "artifact_files",
    "attempt_output",
    "attendance",
    "evidence_reader",
    "launcher_client",
    "output_pieces",
    "output_ranges",
    "output_text",
    "output_windows",
    "run_folders",
]
