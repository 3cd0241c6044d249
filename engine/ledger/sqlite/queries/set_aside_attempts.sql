-- The attempts of a run that was set aside are over with it.
update attempt set state = 'lost', reason = 'unreadable', ended_at = :now
where run_seq = :seq and state in ('starting', 'running')
