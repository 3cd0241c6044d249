"""The engine's side of an attempt: its launcher, its folder, and what its evidence says."""
