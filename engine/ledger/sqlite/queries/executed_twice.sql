-- Runs of which a lost attempt turned out to have ended, after another had started.
select r.id as run_id, r.job, 'attempt ' || a.number || ' ended as ' || a.resolved || ', and ' || r.attempt
                        || ' were made' as said, count(*) over () as total
from attempt a join run r on r.seq = a.run_seq where a.resolved <> '' and a.number < r.attempt
order by r.id limit :limit
