-- A job with a matrix: one occurrence has a run for each combination, all recorded in one transaction. `occurrence` is
-- the id of the first of them, in each of them; `combinations` is their number. `slot` is the id under which the run
-- counts against the concurrency limit, together with the others of that slot; without one it counts alone.
alter table run add column matrix text not null default '';
alter table run add column occurrence text;
alter table run add column slot text;
alter table run add column combinations integer not null default 0;
create index run_of_occurrence on run (occurrence) where occurrence is not null;

-- The identity of a run of a schedule: the occurrence and the combination.
drop index run_occurrence;
create unique index run_occurrence on run (job, schedule_key, scheduled_for, clock_epoch, matrix)
  where schedule_key is not null;

-- The slots taken under a key are counted without reading a run.
drop index run_active;
create index run_active on run (concurrency_key, slot) where state in ('running', 'cancelling', 'retry_wait');

-- So are the runs that wait: those without a slot, and the few that have one.
drop index run_queued;
create index run_queued on run (concurrency_key, reason, slot, occurrence) where state = 'queued';
create index run_waiting_slot on run (concurrency_key, slot) where state = 'queued' and slot is not null;
