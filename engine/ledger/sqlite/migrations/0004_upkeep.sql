-- Notifications that are owed, ends that were found late, pruned runs, and holds of an engine.

-- Notifications that are owed: recorded in the transaction of their cause, and sent at least once. The id stays the
-- same each time, so that a receiver can distinguish a repeated notification from a second event.
create table outbox (
  id          text    primary key,
  at          integer not null,
  event       text    not null,
  channel     text    not null,
  job         text    not null,
  run_id      text    not null,
  body        text    not null,
  tries       integer not null default 0,
  next_try_at integer not null,
  sent_at     integer,
  last_error  text    not null default ''
) strict, without rowid;
create index outbox_owed on outbox (job, at) where sent_at is null;
create index outbox_sent on outbox (sent_at) where sent_at is not null;

-- The end of a lost attempt that was found later; recorded once.
alter table attempt add column resolved text not null default '';
alter table run add column resolved text not null default '';
create index attempt_lost on attempt (ended_at) where state = 'lost' and resolved = '';
create trigger run_is_resolved_once before update of resolved on run
  when old.state <> 'lost' or old.resolved <> ''
  begin select raise(abort, 'only a lost run is resolved, and once'); end;

-- What an attempt used, as wait4(2) reports it.
alter table attempt add column max_rss_kb integer;
alter table attempt add column cpu_seconds real;

-- Gap records keep the state of runs that retention deleted; the record has the time of the deletion.
alter table gap add column pruned_at integer;
alter table gap add column ran integer not null default 0;
-- Requested runs belong to no schedule, so no gap record can keep them: they are counted by quarters of an hour,
-- because every local day begins at one.
create table pruned_request (
  job      text    not null,
  quarter  integer not null,
  state    text    not null,
  count    integer not null,
  primary key (job, quarter, state)
) strict, without rowid;

-- More incidents of an engine: an older copy of the ledger took its place, the disk is nearly full.
create table incident_new (
  id          integer primary key,
  kind        text    not null,
  began_at    integer not null,
  ended_at    integer,
  detail      text    not null default '',
  occurrences integer not null default 0,
  jobs        integer not null default 0,
  recorded_at integer not null,
  accepted_by text    not null default '',
  check (kind in ('away', 'clock_jump', 'clock_hold', 'restored_hold', 'disk_hold'))
) strict;
insert into incident_new select * from incident;
drop table incident;
alter table incident_new rename to incident;
create unique index incident_open on incident (kind) where ended_at is null;
create index incident_time on incident (began_at);
-- Needed for every run that an answer mentions.
create index run_retry_of on run (retry_of) where retry_of is not null;

-- What the worker reads at every turn: waiting runs, runs to retry, and runs that hold a slot. It must not take
-- longer when the history grows.
create index run_waiting on run (not_before) where state = 'queued';
create index run_retrying on run (retry_at) where state = 'retry_wait';
create index run_active on run (concurrency_key) where state in ('running', 'cancelling', 'retry_wait');
