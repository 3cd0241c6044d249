-- What may start. Starting order is priority (higher first), nominal time, arrival. Each queue is a lane of its own:
-- at most as many runs are read of a lane as it has free slots, so that a full one is not read at all, and none is
-- starved by another. The runs without a queue are the lane ''.
-- Every statement uses a partial index, so that the cost does not grow with the past.

-- name: lanes
-- The queues for which runs wait, with their slots (null without a limit) and the number of runs that hold one. The
-- first waiting run says how many slots there are: all open runs of a queue have the same number.
-- The lists of queues are made by jumping through an index from each queue to the next larger one.
with recursive ready_lane (name) as (
  select min(queue) from run indexed by run_ready_lane
  where state = 'queued' and reason <> 'overlap' and reason <> 'spread'
  union all
  select (select min(queue) from run indexed by run_ready_lane
          where state = 'queued' and reason <> 'overlap' and reason <> 'spread' and queue > ready_lane.name)
  from ready_lane where ready_lane.name is not null),
overlap_lane (name) as (
  select min(queue) from run indexed by run_overlap_lane where state = 'queued' and reason = 'overlap'
  union all
  select (select min(queue) from run indexed by run_overlap_lane
          where state = 'queued' and reason = 'overlap' and queue > overlap_lane.name)
  from overlap_lane where overlap_lane.name is not null),
retry_lane (name) as (
  select min(queue) from run indexed by run_retry_lane where state = 'retry_wait'
  union all
  select (select min(queue) from run indexed by run_retry_lane
          where state = 'retry_wait' and queue > retry_lane.name)
  from retry_lane where retry_lane.name is not null)
select name,
       coalesce((select queue_slots from run indexed by run_ready_lane
                 where state = 'queued' and reason <> 'overlap' and reason <> 'spread' and queue = name limit 1),
                (select queue_slots from run indexed by run_overlap_lane
                 where state = 'queued' and reason = 'overlap' and queue = name limit 1),
                (select queue_slots from run indexed by run_retry_lane
                 where state = 'retry_wait' and queue = name limit 1)) as slots,
       (select count(*) from run as other indexed by run_holding
        where other.queue = name and other.queue <> '' and other.state in ('running', 'cancelling')) as used
from (select name from ready_lane union select name from overlap_lane union select name from retry_lane) as lane
where name is not null order by name;

-- name: ready
-- Queued runs of a lane that wait for no other run: the catch-up runs, or all others.
select * from run as one indexed by run_ready_lane
where one.state = 'queued' and one.reason <> 'overlap' and one.reason <> 'spread'
  and one.queue = :queue and (one.trigger = 'catchup') = :is_catchup
  and one.not_before <= :now and (one.start_by is null or one.start_by >= :now)
  and (one.concurrency_limit is null
       or (select count(distinct other.slot) + count(*) - count(other.slot) from run as other
           where other.concurrency_key = one.concurrency_key
             and other.state in ('running', 'cancelling', 'retry_wait')
             and (one.slot is null or other.slot is null or other.slot <> one.slot)) < one.concurrency_limit)
order by one.priority desc, one.scheduled_for, one.seq limit :limit;

-- name: retries
-- Runs of a lane whose time to retry has come. Their place under the concurrency limit they have kept.
select * from run where seq in (
  select first.seq from run as first indexed by run_retry_lane
  where first.state = 'retry_wait' and first.queue = :queue and first.retry_at <= :now
  order by first.priority desc, first.scheduled_for, first.seq limit :limit)
order by priority desc, scheduled_for, seq;

-- name: overlapped
-- The first runs of a lane that wait for another run which is over by now. A run after a catch-up run of the same key
-- waits for that: the key's runs start in their order. Only `looked_at` runs are read: many may be blocked.
select one.* from run as one where one.seq in (
  select first.seq from run as first indexed by run_overlap_lane
  where first.state = 'queued' and first.reason = 'overlap' and first.queue = :queue
    and (first.trigger = 'catchup') = :is_catchup
    and first.not_before <= :now and (first.start_by is null or first.start_by >= :now)
  order by first.priority desc, first.scheduled_for, first.seq limit :looked_at)
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
