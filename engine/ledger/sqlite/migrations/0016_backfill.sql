-- A request to run the occurrences of a schedule in (since, until) once more, or at last. The engine records their runs a
-- few at a time; `covered_until` is the last occurrence that it has looked at.
create table backfill (
  id            integer primary key,
  job           text    not null,
  since         integer not null,
  until         integer not null,
  covered_until integer not null,
  at_once       integer not null,
  again         integer not null,
  requested_by  text    not null,
  begun_at      integer not null,
  ended_at      integer,
  ended_because text    not null default '',
  check (covered_until >= since - 1)
) strict;
create unique index backfill_open on backfill (job) where ended_at is null;
create index run_backfill on run (job) where trigger = 'backfill' and state in ('queued', 'running', 'cancelling', 'retry_wait');
