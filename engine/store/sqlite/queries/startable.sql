-- Runs that may start now: due, and with room under their concurrency limit.
select * from run as one
where (one.state = 'queued' and one.not_before <= :now
       and (one.concurrency_limit is null
            or (select count(*) from run as other
                where other.concurrency_key = one.concurrency_key
                  and other.state in ('running', 'cancelling', 'retry_wait')) < one.concurrency_limit))
   or (one.state = 'retry_wait' and one.retry_at <= :now)
order by one.not_before, one.seq
limit :limit
