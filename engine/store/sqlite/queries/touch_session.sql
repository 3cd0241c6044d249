-- The engine is alive: bounds the time nobody was there.
update session set last_seen_at = :now where epoch = :epoch
