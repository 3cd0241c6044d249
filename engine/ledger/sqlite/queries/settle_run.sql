-- Where a run stands after its attempt, if it is still what the verdict was made for.
update run set state = :state, reason = :reason, detail = :detail, exit_code = :exit_code, ended_at = :ended_at,
               retry_at = :retry_at,
               started_at = case when attempt = 1 then coalesce(:started_at, started_at) else started_at end
where id = :id and attempt = :attempt and job = :job and state = :from_state and state in ('running', 'cancelling')
  and exists (select 1 from attempt
              where run_seq = run.seq and number = :attempt and attempt.state in ('starting', 'running'))
