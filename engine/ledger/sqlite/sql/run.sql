-- Runs: recorded, decided, started, ended, and read.
-- SQLite's own: an index is named, or the statement uses SQLite's JSON functions or its max() of several values.

-- name: undecided
-- Runs whose spread has passed, about which nothing is decided yet.
select * from run indexed by run_undecided where state = 'queued' and reason = 'spread' and not_before <= :now
order by not_before, seq limit :limit;

-- name: next_undecided
-- When the next spread has passed.
select min(not_before) from run indexed by run_undecided where state = 'queued' and reason = 'spread';

-- name: startable
-- Runs that may start now: decided, due, and with room under their concurrency limit; or due for a retry. What
-- is made up for is not among them. Each part by an index of its own, whatever the size of the past. Of what waits for
-- another run, the first few of each key are looked at: the rest cannot start before them.
with recursive held (key) as (
  select min(concurrency_key) from run indexed by run_overlapped where state = 'queued' and reason = 'overlap'
  union all
  select (select min(concurrency_key) from run indexed by run_overlapped
          where state = 'queued' and reason = 'overlap' and concurrency_key > held.key)
  from held where held.key is not null)
select * from (
  select * from run as one
  where one.state = 'queued' and one.not_before <= :now and one.reason <> 'overlap' and one.reason <> 'spread'
    and one.trigger <> 'catchup'
    and (one.start_by is null or one.start_by >= :now)
    and (one.concurrency_limit is null
         or (select count(*) from run as other
             where other.concurrency_key = one.concurrency_key
               and other.state in ('running', 'cancelling', 'retry_wait')) < one.concurrency_limit)
  order by one.not_before, one.seq limit :limit)
union all
select * from (
  select one.* from held join run as one on one.seq in (
    select first.seq from run as first
    where first.state = 'queued' and first.reason = 'overlap' and first.concurrency_key = held.key
      and first.not_before <= :now and first.trigger <> 'catchup'
      and (first.start_by is null or first.start_by >= :now)
    order by first.not_before, first.seq limit 8)
  where held.key is not null
    and (one.concurrency_limit is null
         or (select count(*) from run as other
             where other.concurrency_key = one.concurrency_key
               and other.state in ('running', 'cancelling', 'retry_wait')) < one.concurrency_limit)
  order by one.not_before, one.seq limit :limit)
union all
select * from (
  select * from run as one where one.state = 'retry_wait' and one.retry_at <= :now
  order by one.not_before, one.seq limit :limit)
order by not_before, seq limit :limit;

-- name: startable_catchup
-- Runs that are made up for after an absence and may start now.
select * from run as one indexed by run_catchup
where one.state = 'queued' and one.trigger = 'catchup' and one.not_before <= :now and one.reason <> 'spread'
  and (one.start_by is null or one.start_by >= :now)
  and (one.concurrency_limit is null
       or (select count(*) from run as other
           where other.concurrency_key = one.concurrency_key
             and other.state in ('running', 'cancelling', 'retry_wait')) < one.concurrency_limit)
order by one.not_before, one.seq
limit :limit;

-- name: unowned
-- Runs recorded as running or waiting for a retry, without an attempt or time in the ledger that could be followed.
select run.seq, run.job from run indexed by run_active
where state in ('running', 'cancelling', 'retry_wait')
  and case state when 'retry_wait' then retry_at is null
      else not exists (select 1 from attempt where run_seq = run.seq and number = run.attempt
                         and attempt.state in ('starting', 'running')) end;

-- name: open_runs
-- Runs that are not over, oldest first.
select * from (
  select * from run indexed by run_queued where state = 'queued'
  union all
  select * from run indexed by run_active where state in ('running', 'cancelling', 'retry_wait'))
order by seq;

-- name: recent_runs
-- The newest runs; of one job, in some states, or all.
select * from run
where (:job is null or job = :job) and (:states is null or state in (select value from json_each(:states)))
order by seq desc limit :limit;

-- name: retries_between
-- Runs wanted in a window that a person asked for to make up for another.
select * from run indexed by run_retry_of
where retry_of is not null and scheduled_for >= :since and scheduled_for < :until
order by seq;

-- name: count_runs
-- Runs wanted in a window, counted by job, kind and state; those too that people asked for and retention took away.
-- Of a run whose row cannot be read nobody knows how it ended: it counts as lost, as in every other answer.
select job, is_scheduled, state, sum(count) as count from (
  select job, schedule_key is not null as is_scheduled,
         case when case when json_valid(params) then json_type(params) end is not 'object'
                   or max(queued_at, not_before, coalesce(started_at, 0), coalesce(ended_at, 0),
                          coalesce(start_by, 0), coalesce(retry_at, 0)) > 221845392000000000 then 'lost'
              when resolved = '' then state else resolved end as state, count(*) as count
  from run where scheduled_for >= :since and scheduled_for < :until group by 1, 2, 3
  union all
  select job, 0, state, count from pruned_request where quarter >= :since and quarter < :until
    and count between 0 and 9007199254740992
) group by 1, 2, 3;
