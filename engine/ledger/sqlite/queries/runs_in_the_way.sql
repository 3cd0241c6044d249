-- Open runs with a concurrency key: those that are active, then those that wait, each oldest first.
select * from (
  select *, 0 as place from run where concurrency_key = :concurrency_key
    and state in ('running', 'cancelling', 'retry_wait')
  union all
  select *, 1 as place from run where concurrency_key = :concurrency_key and state = 'queued' and reason <> 'spread')
order by place, seq limit :limit
