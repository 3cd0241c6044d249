-- The run of a job that was wanted last, up to an instant.
select * from run where job = :job and scheduled_for <= :until order by scheduled_for desc, seq desc limit 1
