-- What may start: the statement in which a subquery after `in` refers to a table before it. SQLite uses an index for it.

-- name: overlapped_by_key
-- The same, when most of the first runs are blocked: the first 8 of each key. The rest cannot start before them.
with recursive held (key) as (
  select min(concurrency_key) from run indexed by run_overlapped
  where state = 'queued' and reason = 'overlap' and queue = :queue
    and (not :is_catchup
         or exists (select 1 from run as late indexed by run_overlapped_catchup
                    where late.state = 'queued' and late.reason = 'overlap' and late.trigger = 'catchup'
                      and late.queue = :queue))
  union all
  select (select min(concurrency_key) from run indexed by run_overlapped
          where state = 'queued' and reason = 'overlap' and queue = :queue and concurrency_key > held.key)
  from held where held.key is not null)
select one.* from held join run as one on one.seq in (
  select first.seq from run as first indexed by run_overlapped
  where first.state = 'queued' and first.reason = 'overlap' and first.queue = :queue
    and first.concurrency_key = held.key
    and first.not_before <= :now and (first.start_by is null or first.start_by >= :now)
  order by first.priority desc, first.scheduled_for, first.seq limit 8)
where held.key is not null and (one.trigger = 'catchup') = :is_catchup
  and (one.concurrency_limit is null
       or (select count(distinct other.slot) + count(*) - count(other.slot) from run as other
           where other.concurrency_key = one.concurrency_key
             and other.state in ('running', 'cancelling', 'retry_wait')
             and (one.slot is null or other.slot is null or other.slot <> one.slot)) < one.concurrency_limit)
  and (:is_catchup or not exists (
       select 1 from run as before where before.seq = (
         select first.seq from run as first indexed by run_overlapped_catchup
         where first.state = 'queued' and first.reason = 'overlap' and first.trigger = 'catchup'
           and first.queue = one.queue and first.concurrency_key = one.concurrency_key
           and first.not_before <= :now and (first.start_by is null or first.start_by >= :now)
         order by first.priority desc, first.scheduled_for, first.seq limit 1)
       and (-before.priority, before.scheduled_for, before.seq) < (-one.priority, one.scheduled_for, one.seq)))
order by one.priority desc, one.scheduled_for, one.seq limit :limit;
