-- The ledger: what was expected, how it ended, and who changed what.
-- Instants are integers: microseconds since 1970-01-01T00:00Z.

create table meta (
  key   text primary key,
  value text not null
) strict, without rowid;

-- One started engine, or one `jobfile run` without an engine. It explains a miss: between two sessions of kind
-- 'engine', no engine was running.
create table session (
  epoch        integer primary key,
  kind         text    not null,
  boot_id      text    not null,
  pid          integer not null,
  version      text    not null,
  started_at   integer not null,
  last_seen_at integer not null,
  ended_at     integer,
  end_reason   text
) strict;

-- Compiled jobs by the hash of their meaning. Runs keep the one they were created with.
create table definition (
  digest text primary key,
  job    text not null,
  spec   text not null
) strict, without rowid;

-- One applied, whole, valid set of definitions.
create table generation (
  number         integer primary key,
  digest         text    not null,
  applied_at     integer not null,
  applied_by     text    not null,
  main_file      text    not null,
  revision       text    not null,
  tzdata_version text    not null,
  cron_semantics integer not null
) strict;

-- Which definition of a job was in force from which generation until before which.
create table job_version (
  job              text    not null,
  from_generation  integer not null references generation (number),
  until_generation integer references generation (number),
  digest           text    not null references definition (digest),
  file             text    not null,
  line             integer not null,
  primary key (job, from_generation)
) strict, without rowid;
create unique index job_version_in_force on job_version (job) where until_generation is null;

-- A schedule while it is in force, with its coverage: every occurrence in (active_from, covered_until]
-- has a run, or is in a gap. Coverage only grows; a schedule never owns an instant before active_from.
create table schedule (
  id            integer primary key,
  job           text    not null,
  schedule_key  text    not null,
  rule          text    not null,
  generation    integer not null references generation (number),
  active_from   integer not null,
  active_until  integer,
  ended_because text,
  covered_until integer not null,
  check (covered_until >= active_from)
) strict;
create unique index schedule_in_force on schedule (job, schedule_key) where active_until is null;
create index schedule_history on schedule (job, active_from);
create trigger schedule_coverage_grows before update of covered_until on schedule
  when new.covered_until < old.covered_until
  begin select raise(abort, 'coverage may not go back'); end;

-- A run; for a schedule's occurrence also the record that it was not made. One row, one answer.
create table run (
  seq               integer primary key,
  id                text    not null unique,
  job               text    not null,
  digest            text    not null references definition (digest),
  generation        integer references generation (number),
  trigger           text    not null,
  schedule_key      text,
  scheduled_for     integer not null,
  params            text    not null,
  state             text    not null,
  reason            text    not null default '',
  detail            text    not null default '',
  queued_at         integer not null,
  not_before        integer not null,
  started_at        integer,
  ended_at          integer,
  retry_at          integer,
  attempt           integer not null default 0,
  concurrency_key   text    not null,
  concurrency_limit integer,
  exit_code         integer,
  requested_by      text    not null default '',
  stop_requested    text    not null default '',
  retry_of          text    references run (id)
) strict;
-- The identity of an occurrence.
create unique index run_occurrence on run (job, schedule_key, scheduled_for) where schedule_key is not null;
create index run_of_job on run (job, scheduled_for);
create index run_scheduled_for on run (scheduled_for);
create index run_open on run (state, not_before)
  where state in ('queued', 'running', 'cancelling', 'retry_wait');
create index run_in_the_way on run (concurrency_key)
  where state in ('queued', 'running', 'cancelling', 'retry_wait');
-- A final state is final.
create trigger run_final_is_final before update of state on run
  when old.state not in ('queued', 'running', 'cancelling', 'retry_wait')
  begin select raise(abort, 'a final state may not change'); end;

-- One process execution of a run. The row is the intent: it is committed before anything starts.
create table attempt (
  run_id             text    not null references run (id),
  number             integer not null,
  state              text    not null,
  boot_id            text    not null,
  created_at         integer not null,
  started_at         integer,
  ended_at           integer,
  exit_code          integer,
  signal             integer,
  reason             text    not null default '',
  detail             text    not null default '',
  output_bytes       integer not null default 0,
  output_dropped     integer not null default 0,
  leftover_processes integer not null default 0,
  primary key (run_id, number)
) strict, without rowid;
create index attempt_live on attempt (state) where state in ('starting', 'running');

-- One row that accounts for many consecutive occurrences that did not run.
create table gap (
  id          integer primary key,
  schedule_id integer not null references schedule (id),
  job         text    not null,
  first_at    integer not null,
  last_at     integer not null,
  count       integer not null,
  state       text    not null,
  reason      text    not null,
  generation  integer not null,
  epoch       integer not null,
  recorded_at integer not null
) strict;
create index gap_of_job on gap (job, first_at);
create index gap_time on gap (last_at);

-- A set of files that was refused; the last good generation stayed in force.
create table rejection (
  id          integer primary key,
  rejected_at integer not null,
  last_at     integer not null,
  digest      text    not null,
  diagnostics text    not null,
  resolved_at integer
) strict;

-- Who changed what, when and why. Rows are only added.
create table audit (
  seq    integer primary key,
  at     integer not null,
  actor  text    not null,
  action text    not null,
  object text    not null,
  detail text    not null default ''
) strict;
create trigger audit_is_not_changed before update on audit
  begin select raise(abort, 'the audit is only added to'); end;
create trigger audit_is_not_shortened before delete on audit
  begin select raise(abort, 'the audit is only added to'); end;
create index run_succeeded on run (job, ended_at) where state = 'succeeded';
