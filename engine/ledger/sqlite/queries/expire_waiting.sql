-- Waiting runs that could not start in time are missed.
update run set state = 'missed', reason = 'start_deadline', detail = reason, ended_at = :now
where state = 'queued' and start_by is not null and start_by < :now
returning *
