-- Queued runs of a job.
select * from run where state = 'queued' and job = :job order by seq
