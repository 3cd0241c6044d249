-- The attempts of a run that is pruned.
delete from attempt where run_seq = (select seq from run where id = :id)
