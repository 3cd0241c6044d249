-- The ended attempts of a deleted run stay for a while: so a host knows that the ledger has deleted it. A run of which a
-- ledger has nothing at all may be one that it has lost.

-- When it was first noticed that the run is deleted.
alter table delivery add column run_gone_at bigint;
