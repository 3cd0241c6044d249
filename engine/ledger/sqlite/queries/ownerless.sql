-- Open runs that nothing will ever move: no live attempt, no time to try again.
select r.id as run_id, r.job, count(*) over () as total,
       case r.state when 'retry_wait' then 'it waits for another try at no time'
                    else 'it is ' || r.state || ' without a live attempt' end as said
from run r
where (r.state in ('running', 'cancelling')
       and not exists (select 1 from attempt a where a.run_seq = r.seq and a.state in ('starting', 'running')))
   or (r.state = 'retry_wait' and r.retry_at is null)
order by r.seq limit :limit
