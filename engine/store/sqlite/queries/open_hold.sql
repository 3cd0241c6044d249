-- The clock that is not believed, if it is not.
select * from incident where kind = 'clock_hold' and ended_at is null
