-- The engine ends in order.
update session set last_seen_at = :now, ended_at = :now, end_reason = :reason
where epoch = :epoch and ended_at is null
