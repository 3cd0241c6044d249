-- The attempts of a run that is pruned.
delete from attempt where run_id = :id
