-- The oldest instant among so many newest runs of a job.
select scheduled_for from run where job = :job order by scheduled_for desc limit 1 offset :keep
