-- A job gets a new name: so do its rows in every table.

-- name: rename_runs
-- The runs of a job. The default concurrency key is the job's name: open runs get the new one too, so that they still
-- count against the limit of new runs.
update run set job = :new,
               concurrency_key = case when concurrency_key = :old
                                       and state in ('queued', 'running', 'cancelling', 'retry_wait')
                                      then :new else concurrency_key end
where job = :old;

-- name: rename_schedules
-- The schedules of a job; their coverage stays.
update schedule set job = :new where job = :old;

-- name: rename_gaps
-- The gap records of a job.
update gap set job = :new where job = :old;

-- name: rename_versions
-- The definitions of a job.
update job_version set job = :new where job = :old;

-- name: rename_pauses
-- The pauses of a job.
update pause set job = :new where job = :old;

-- name: rename_pruned
-- The counts of a job's pruned manual runs.
update pruned_request set job = :new where job = :old;

-- name: rename_outbox
-- The notifications about a job. Its pings have a channel of their own, with its name.
update outbox set job = :new,
                  channel = case when channel = 'ping:' || :old then 'ping:' || :new else channel end
where job = :old;

-- name: rename_trigger_events
-- The trigger events that a job has seen.
update trigger_event set job = :new
where job = :old and not exists (
  select 1 from trigger_event as other
  where other.job = :new and other.trigger = trigger_event.trigger and other.identity = trigger_event.identity);

-- name: rename_followed
-- The jobs that follow a job.
update followed set job = :new where job = :old;

-- name: rename_followers
-- The jobs that a job follows.
update followed set follower = :new where follower = :old;

-- name: rename_backfills
-- The backfills of a job.
update backfill set job = :new where job = :old;

-- name: rename_keys
-- The idempotency keys of a job.
update idempotency_key set job = :new
where job = :old and not exists (
  select 1 from idempotency_key as other where other.job = :new and other.key = idempotency_key.key);
