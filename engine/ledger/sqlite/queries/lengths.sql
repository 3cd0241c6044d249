-- How long the newest good runs of a job took that needed one attempt.
select ended_at - started_at as length from run
where job = :job and state = 'succeeded' and attempt = 1 and started_at is not null
order by ended_at desc limit :limit
