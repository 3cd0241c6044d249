-- Open runs with a concurrency key, oldest first.
select * from (
  select * from run where concurrency_key = :concurrency_key and state = 'queued'
  union all
  select * from run where concurrency_key = :concurrency_key and state in ('running', 'cancelling', 'retry_wait'))
order by seq
