-- Soundness: the query that reads JSON.

-- name: queue_crowds
-- Queues with more runs that hold a slot than they have, or had: slots may have been removed since a run started, so
-- the number in its definition counts, too.
select * from (
  select run.queue, count(*) as active,
         max(greatest(run.queue_slots, cast(json_or_null(d.spec) #>> '{queue,slots}' as bigint))) as most
  from run left join definition d on d.digest = run.digest
  where run.queue <> '' and run.state in ('running', 'cancelling') and run.queue_slots is not null
  group by run.queue) as found
where active > most order by queue limit :limit;
