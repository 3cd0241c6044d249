-- The history of a job goes with its new name.
update run set job = :new,
               concurrency_key = case when concurrency_key = :old
                                       and state in ('queued', 'running', 'cancelling', 'retry_wait')
                                      then :new else concurrency_key end
where job = :old
