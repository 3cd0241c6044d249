-- Runs that succeeded, or are said to have, without an attempt that did.
select r.id as run_id, r.job, count(*) over () as total,
       case when a.run_seq is null then 'it has no attempt'
            else 'attempt ' || a.number || ' is ' || a.state || ' with exit code '
                 || coalesce(a.exit_code, 'unknown') end as said
from run r left join attempt a on a.run_seq = r.seq and a.number = r.attempt
where (r.state = 'succeeded' and not (coalesce(a.state, '') = 'succeeded' and coalesce(a.exit_code, 1) = 0))
   or (r.resolved = 'succeeded' and not (coalesce(a.resolved, '') = 'succeeded' and coalesce(a.exit_code, 1) = 0))
order by r.seq limit :limit
