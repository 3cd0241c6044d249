-- In which state the last attempt of the runs in each state stands, and one run of each kind.
select r.state as run_state, coalesce(a.state, '') as attempt_state, count(*) as count, min(r.id) as run_id
from run r left join attempt a on a.run_seq = r.seq and a.number = r.attempt
where r.reason <> 'unreadable'
group by 1, 2 order by 1, 2
