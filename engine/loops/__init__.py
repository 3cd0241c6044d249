"""The engine's loops, one duty each; each is a function that does what is due and says when to come back."""
