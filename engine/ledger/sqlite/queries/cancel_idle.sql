-- A run with no process is cancelled at once.
update run set state = 'cancelled', reason = :reason, detail = :detail, ended_at = :now, retry_at = null
where id = :id and state in ('queued', 'retry_wait')
