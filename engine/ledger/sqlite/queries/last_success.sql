-- When a job last succeeded, before an instant.
select max(ended_at) from run where job = :job and state = 'succeeded' and ended_at <= :before
