-- Trigger events, and the keys of recent runs: what must not lead to a second run.

-- name: add_trigger_event
-- Record an event with the run that it leads to. The primary key refuses a second one.
insert into trigger_event (job, trigger, identity, run_id, recorded_at, mount)
values (:job, :trigger, :identity, :run_id, :now, :mount);

-- name: run_of_event
-- The run that an event led to.
select run_id from trigger_event where job = :job and trigger = :trigger and identity = :identity;

-- name: events_of_job
-- The identities of the events that a trigger of a job has seen, each with its mount point.
select identity, mount from trigger_event where job = :job and trigger = :trigger;

-- name: forget_event_of_run
-- Forget the event that led to a run.
delete from trigger_event where run_id = :run_id;

-- name: forget_event
-- Forget an event that cannot come again.
delete from trigger_event where job = :job and trigger = :trigger and identity = :identity;

-- name: forget_events
-- Forget old events of a kind of trigger.
delete from trigger_event where (job, trigger, identity) in (
  select job, trigger, identity from trigger_event where trigger = :trigger and recorded_at < :before limit :limit
);

-- name: holder_of_key
-- The run of a job that has a key now.
select run_id from idempotency_key where job = :job and key = :key and expires_at > :now;

-- name: take_key
-- Give a key to a run. An expired one passes to the next run.
insert into idempotency_key (job, key, run_id, expires_at) values (:job, :key, :run_id, :expires_at)
on conflict (job, key) do update set run_id = :run_id, expires_at = :expires_at where idempotency_key.expires_at <= :now;

-- name: drop_expired_keys
-- Delete keys that have expired.
delete from idempotency_key where (job, key) in (
  select job, key from idempotency_key where expires_at <= :now limit :limit
);
