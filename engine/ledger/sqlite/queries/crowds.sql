-- Concurrency keys with more active runs than any of them was allowed beside itself.
select concurrency_key, count(*) as active, max(concurrency_limit) as most from run
where state in ('running', 'cancelling', 'retry_wait')
group by concurrency_key having count(*) > max(concurrency_limit) and count(*) = count(concurrency_limit)
order by concurrency_key limit :limit
