-- Runs whose attempts are not numbered without a hole, or of which another than the last is alive.
select run_id, job, count(*) over () as total,
       case when alive > 1 then alive || ' of its attempts are alive'
            when last_alive < attempt then 'attempt ' || last_alive || ' is alive, and ' || attempt || ' were made'
            else 'it says ' || attempt || ' attempts, and there are ' || have || ', numbered up to ' || highest
       end as said
from (select r.id as run_id, r.job, r.attempt, count(a.number) as have, coalesce(min(a.number), 1) as lowest,
             coalesce(max(a.number), 0) as highest,
             coalesce(sum(a.state in ('starting', 'running')), 0) as alive,
             coalesce(max(case when a.state in ('starting', 'running') then a.number end), r.attempt) as last_alive
      from run r left join attempt a on a.run_seq = r.seq group by r.id)
where have <> attempt or highest <> attempt or lowest <> 1 or alive > 1 or last_alive < attempt
order by run_id limit :limit
