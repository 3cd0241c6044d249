"""One change to the ledger each, inside the transaction of the caller."""
