-- Runs that are made up for after an absence and may start now.
select * from run as one indexed by run_catchup
where one.state = 'queued' and one.trigger = 'catchup' and one.not_before <= :now and one.reason <> 'spread'
  and (one.start_by is null or one.start_by >= :now)
  and (one.concurrency_limit is null
       or (select count(*) from run as other
           where other.concurrency_key = one.concurrency_key
             and other.state in ('running', 'cancelling', 'retry_wait')) < one.concurrency_limit)
order by one.not_before, one.seq
limit :limit
