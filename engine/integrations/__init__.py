"""Programs of others that jobfile talks to: editors and forges."""
