-- Runs that may start now: decided, due, and with room under their concurrency limit; or due to be tried again. What
-- is made up for is not among them. Each half by an index of its own, whatever the size of the past.
select * from (
  select * from run as one
  where one.state = 'queued' and one.not_before <= :now and one.reason <> 'spread' and one.trigger <> 'catchup'
    and (one.start_by is null or one.start_by >= :now)
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
