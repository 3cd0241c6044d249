-- Runs of a job that wait: to start, or to be tried again.
select * from (
  select * from run where state = 'queued' and job = :job
  union all
  select * from run where state = 'retry_wait' and job = :job)
order by seq
