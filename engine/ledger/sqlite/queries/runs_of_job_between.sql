-- Runs of a job wanted in a window, newest wanted first.
select * from run where job = :job and scheduled_for >= :since and scheduled_for < :until
order by scheduled_for desc, seq desc limit :limit
