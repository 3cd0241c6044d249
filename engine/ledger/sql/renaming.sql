-- A job has another name: its rows in every table go with it.

-- name: rename_runs
-- The history of a job goes with its new name.
update run set job = :new,
               concurrency_key = case when concurrency_key = :old
                                       and state in ('queued', 'running', 'cancelling', 'retry_wait')
                                      then :new else concurrency_key end
where job = :old;

-- name: rename_schedules
-- The schedules of a job go with its new name, and their coverage.
update schedule set job = :new where job = :old;

-- name: rename_gaps
-- The gap records of a job go with its new name.
update gap set job = :new where job = :old;

-- name: rename_versions
-- The definitions of a job go with its new name.
update job_version set job = :new where job = :old;

-- name: rename_pauses
-- The pauses of a job go with its new name.
update pause set job = :new where job = :old;

-- name: rename_pruned
-- The numbers of pruned runs go with a job's new name.
update pruned_request set job = :new where job = :old;

-- name: rename_outbox
-- What is owed about a job goes with its new name.
update outbox set job = :new where job = :old;
