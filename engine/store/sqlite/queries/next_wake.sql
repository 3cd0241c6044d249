-- The earliest instant at which a waiting run may start.
select min(at) from (
  select min(not_before) as at from run where state = 'queued' and not_before > :now
  union all
  select min(retry_at) from run where state = 'retry_wait' and retry_at > :now)
