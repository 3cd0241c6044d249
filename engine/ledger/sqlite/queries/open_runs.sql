-- Runs that are not over, oldest first.
select * from (
  select * from run indexed by run_queued where state = 'queued'
  union all
  select * from run indexed by run_active where state in ('running', 'cancelling', 'retry_wait'))
order by seq
