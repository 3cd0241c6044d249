-- The attempts of a run.
select a.*, r.id as run_id from attempt a join run r on r.seq = a.run_seq where r.id = :run_id order by a.number
