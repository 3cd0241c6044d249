-- The clock is believed again.
update incident set ended_at = :now, accepted_by = :accepted_by where kind = 'clock_hold' and ended_at is null
