"""Applies the fixes that diagnostics carry, and formats a job file."""
