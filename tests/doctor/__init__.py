"""Is the machine and the ledger sound: each finding from a real trouble, and silence on a healthy one."""
