-- How work comes in. `trigger_values` is what a run's templates read as `trigger.*`, a JSON object; `caused_by` is the
-- run that led to it: the one whose end it follows, or the one from which it was requested.
alter table run add column trigger_values text not null default '';
alter table run add column caused_by text;
alter table run add column idempotency_key text not null default '';

-- The queue whose slots it shares with the runs of other jobs, '' without one; the number of these slots; and its
-- place among those that wait there.
alter table run add column queue text not null default '';
alter table run add column queue_slots integer;
alter table run add column priority integer not null default 0;

create index run_caused_by on run (caused_by) where caused_by is not null;

-- An event that a trigger of a job has seen, and the run that it led to: the first one of a matrix.
-- The primary key is the promise that no event makes two runs.
create table trigger_event (
  job         text    not null,
  trigger     text    not null,
  identity    text    not null,
  run_id      text    not null,
  recorded_at integer not null,
  primary key (job, trigger, identity)
) strict, without rowid;
create index trigger_event_time on trigger_event (recorded_at);

-- The keys of recent runs: until it expires, a second run of the job with the same key is a duplicate of the first.
create table idempotency_key (
  job        text    not null,
  key        text    not null,
  run_id     text    not null,
  expires_at integer not null,
  primary key (job, key)
) strict, without rowid;
create index idempotency_key_expiry on idempotency_key (expires_at);
