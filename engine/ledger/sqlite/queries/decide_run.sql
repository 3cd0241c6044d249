-- What was decided about a run whose spread has passed.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :ended_at
where id = :id and state = 'queued' and reason = 'spread'
