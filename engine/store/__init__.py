"""The ledger's stores. A store is opened by its own class; nothing is imported that is not used."""
