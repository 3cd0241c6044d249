-- A person says that the clock is right.
update incident set accepted_by = :actor where kind = 'clock_hold' and ended_at is null
