-- Soundness: the query that uses SQLite's JSON functions.

-- name: queue_crowds
-- Queues with more runs that hold a slot than they have, or had: slots may have been removed since a run started, so
-- the number in its definition counts, too.
select run.queue, count(*) as active,
       max(max(run.queue_slots,
               coalesce(case when json_valid(d.spec) then json_extract(d.spec, '$.queue.slots') end, 0))) as most
from run indexed by run_holding left join definition d on d.digest = run.digest
where run.queue <> '' and run.state in ('running', 'cancelling') and run.queue_slots is not null
group by run.queue having active > most
order by run.queue limit :limit;
