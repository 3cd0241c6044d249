-- Runs of which a lost attempt turned out to have ended, after another had started.
select a.run_id, r.job, 'attempt ' || a.number || ' ended as ' || a.resolved || ', and ' || r.attempt
                        || ' were made' as said, count(*) over () as total
from attempt a join run r on r.id = a.run_id where a.resolved <> '' and a.number < r.attempt
order by a.run_id limit :limit
