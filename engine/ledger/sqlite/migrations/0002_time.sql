-- Pauses, clocks that are not believed, and the reason why a run waits.

-- Seconds since boot when the engine was last seen: with it, a clock that was set differs from time that passed.
alter table session add column boot_seconds real;

-- When a user corrects a wrong clock, a new epoch begins: occurrences recorded under the wrong clock do not block
-- the true ones at the same instants.
alter table schedule add column clock_epoch integer not null default 0;
alter table run add column clock_epoch integer not null default 0;
drop index run_occurrence;
create unique index run_occurrence on run (job, schedule_key, scheduled_for, clock_epoch)
  where schedule_key is not null;

-- After this instant a waiting run is missed.
alter table run add column start_by integer;
create index run_start_by on run (start_by) where state = 'queued' and start_by is not null;
-- After an absence there may be many of these, and they start at a limited rate.
create index run_catchup on run (not_before) where state = 'queued' and trigger = 'catchup';
-- Waiting runs that are not decided yet: their spread has not passed.
create index run_undecided on run (not_before) where state = 'queued' and reason = 'spread';

alter table gap add column detail text not null default '';
create index gap_of_schedule on gap (schedule_id, last_at);

-- A job does not run on its schedule from paused_at until it is resumed or `until` is reached.
create table pause (
  id        integer primary key,
  job       text    not null,
  source    text    not null,
  actor     text    not null,
  reason    text    not null,
  paused_at integer not null,
  until     integer,
  ended_at  integer,
  ended_by  text    not null default '',
  check (source in ('hand', 'failures'))
) strict;
create index pause_of_job on pause (job, paused_at);

-- What happened to the engine, and not to a single job: it was away, the clock was set, or is not believed.
create table incident (
  id          integer primary key,
  kind        text    not null,
  began_at    integer not null,
  ended_at    integer,
  detail      text    not null default '',
  occurrences integer not null default 0,
  jobs        integer not null default 0,
  recorded_at integer not null,
  accepted_by text    not null default '',
  check (kind in ('away', 'clock_jump', 'clock_hold'))
) strict;
create unique index incident_open on incident (kind) where kind = 'clock_hold' and ended_at is null;
create index incident_time on incident (began_at);
