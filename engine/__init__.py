"""The engine: the running half of jobfile."""
