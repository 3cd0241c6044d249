-- Histograms: counts of all runs since the ledger began. Counts of a job only grow while it has runs in the ledger.

-- name: count
-- Count one more run in a bucket. Numbers that were altered from outside start again: they stop no run from ending.
insert into histogram (name, job, bound, runs, length) values (:name, :job, :bound, :runs, :length)
on conflict (job, name, bound) do update set
  runs = excluded.runs + case when histogram.runs between 0 and 9007199254740991 then histogram.runs else 0 end,
  length = excluded.length + case when histogram.length between 0 and 4611686018427387904 then histogram.length else 0 end;

-- name: histograms
-- Every bucket that has counted a run.
select * from histogram;

-- name: drop_of_job
-- Drop the counts of a job that has no run any more.
delete from histogram where job = :job and not exists (select 1 from run where job = :job);

-- name: rename
-- The counts of a job that gets a new name.
update histogram set job = :new where job = :old;
