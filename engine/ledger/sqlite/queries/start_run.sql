-- The guard of a start: the state, the attempt, the deadline and the limit hold at this instant.
update run set state = 'running', attempt = attempt + 1, retry_at = null,
               started_at = coalesce(started_at, :now), reason = '', detail = ''
where id = :id and attempt = :attempt
  and (state = 'retry_wait'
       or (state = 'queued' and reason <> 'spread' and not_before <= :now
           and (start_by is null or start_by >= :now)
           and (concurrency_limit is null
                or (select count(*) from run as other
                    where other.concurrency_key = run.concurrency_key
                      and other.state in ('running', 'cancelling', 'retry_wait')) < concurrency_limit)))
