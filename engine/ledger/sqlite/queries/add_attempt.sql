-- The intent to execute, committed before anything starts.
insert into attempt (run_seq, number, state, boot_id, created_at)
select seq, :number, 'starting', :boot_id, :now from run where id = :run_id
