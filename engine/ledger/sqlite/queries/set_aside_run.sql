-- A run whose row cannot be read ends as lost, unless its attempt may be alive.
update run set state = 'lost', reason = 'unreadable', detail = :detail, ended_at = :now, retry_at = null
where seq = :seq
  and (state in ('queued', 'retry_wait')
       or (state in ('running', 'cancelling')
           and (:is_over or not exists (select 1 from attempt where run_seq = run.seq and number = run.attempt
                                          and attempt.state in ('starting', 'running')))))
