-- The earliest instant at which a waiting run may start, or may not any more.
select min(at) from (
  select min(not_before) as at from run where state = 'queued' and not_before > :now and reason <> 'overlap'
    and reason <> 'spread'
  union all
  select min(start_by) + 1 from run where state = 'queued' and start_by is not null
  union all
  select min(retry_at) from run where state = 'retry_wait' and retry_at > :now)
