-- It holds the engine back no more.
update incident set ended_at = :now, accepted_by = :accepted_by where kind = :kind and ended_at is null
