-- Every row of a table, to see whether it can be read.
select a.*, r.id as run_id from attempt a left join run r on r.seq = a.run_seq
