"""What is wrong, where in which text, and what to do about it."""
