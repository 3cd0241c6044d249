-- Open runs with a concurrency key, oldest first.
select * from run
where concurrency_key = :concurrency_key and state in ('queued', 'running', 'cancelling', 'retry_wait')
order by seq
