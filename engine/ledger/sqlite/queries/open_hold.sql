-- What holds the engine back, if it does: a clock that is not believed, an older ledger, a full disk.
select * from incident where kind = :kind and ended_at is null
