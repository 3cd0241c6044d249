-- The attempts of a run.
select * from attempt where run_id = :run_id order by number
