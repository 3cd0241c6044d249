-- The epoch of the engine that owns the ledger.
select max(epoch) from session
