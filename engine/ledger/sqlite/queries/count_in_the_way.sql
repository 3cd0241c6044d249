-- Open runs with a concurrency key, counted no further than asked for; one whose spread has not passed is in nobody's way.
select
  (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key
      and state in ('running', 'cancelling', 'retry_wait') limit :at_most)) as active,
  (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason < 'spread'
    limit :at_most))
  + (select count(*) from (
    select 1 from run where concurrency_key = :concurrency_key and state = 'queued' and reason > 'spread'
    limit :at_most)) as waiting
