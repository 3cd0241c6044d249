-- The intent to execute, committed before anything starts.
insert into attempt (run_id, number, state, boot_id, created_at)
values (:run_id, :number, 'starting', :boot_id, :now)
