-- Runs that are said to be running or to be tried again, and of which the ledger says nothing that could be followed.
select run.seq, run.job from run indexed by run_active
where state in ('running', 'cancelling', 'retry_wait')
  and case state when 'retry_wait' then retry_at is null
      else not exists (select 1 from attempt where run_seq = run.seq and number = run.attempt
                         and attempt.state in ('starting', 'running')) end
