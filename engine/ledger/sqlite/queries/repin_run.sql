-- A waiting run takes the definition that is in force when it starts.
update run set digest = :digest, params = :params, concurrency_key = :concurrency_key,
               concurrency_limit = :concurrency_limit
where id = :id and state = 'queued' and attempt = 0
