-- All that holds the engine back now: a clock that is not believed, an older ledger, a full disk.
select * from incident where ended_at is null order by began_at
