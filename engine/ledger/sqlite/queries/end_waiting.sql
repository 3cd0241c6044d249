-- A queued run that will not start.
update run set state = :state, reason = :reason, detail = :detail, ended_at = :now
where id = :id and state = 'queued'
