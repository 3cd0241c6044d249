-- How the newest runs of a job ended that ran to an end, the newest first.
select state from run
where job = :job and state in ('succeeded', 'failed', 'timed_out', 'lost') and ended_at > :since
order by ended_at desc, seq desc limit :limit
