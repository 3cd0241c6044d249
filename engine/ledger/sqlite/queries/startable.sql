-- Runs that may start now: decided, due, and with room under their concurrency limit; or due to be tried again. What
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
order by not_before, seq limit :limit
