-- The epoch of the engine that owns the ledger.
select max(epoch) from session where epoch <= 9007199254740992
