"""Shell scripts as jobs hold them: where a value may stand, and what a shell would make of it."""
