-- The newest occurrences of a job, the newest first.
select * from run where job = :job and schedule_key is not null order by scheduled_for desc limit :limit
