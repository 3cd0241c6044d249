"""What the ledger says: did it run, why, how many. Pure functions of a view and a time."""
