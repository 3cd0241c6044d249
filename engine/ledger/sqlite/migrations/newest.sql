-- What all steps make, for a new ledger: `pytest tests/store/test_sqlite.py --update` writes it from them.

CREATE TABLE meta (
  key   text primary key,
  value text not null
) strict, without rowid;

CREATE TABLE session (
  epoch        integer primary key,
  kind         text    not null,
  boot_id      text    not null,
  pid          integer not null,
  version      text    not null,
  started_at   integer not null,
  last_seen_at integer not null,
  ended_at     integer,
  end_reason   text
, boot_seconds real) strict;

CREATE TABLE definition (
  digest text primary key,
  job    text not null,
  spec   text not null
) strict, without rowid;

CREATE TABLE generation (
  number         integer primary key,
  digest         text    not null,
  applied_at     integer not null,
  applied_by     text    not null,
  main_file      text    not null,
  revision       text    not null,
  tzdata_version text    not null,
  cron_semantics integer not null
, plan_id text not null default '', instead_of text not null default '', note text not null default '') strict;

CREATE TABLE job_version (
  job              text    not null,
  from_generation  integer not null references generation (number),
  until_generation integer references generation (number),
  digest           text    not null references definition (digest),
  file             text    not null,
  line             integer not null,
  primary key (job, from_generation)
) strict, without rowid;

CREATE UNIQUE INDEX job_version_in_force on job_version (job) where until_generation is null;

CREATE TABLE schedule (
  id            integer primary key,
  job           text    not null,
  schedule_key  text    not null,
  rule          text    not null,
  generation    integer not null references generation (number),
  active_from   integer not null,
  active_until  integer,
  ended_because text,
  covered_until integer not null, clock_epoch integer not null default 0,
  check (covered_until >= active_from)
) strict;

CREATE UNIQUE INDEX schedule_in_force on schedule (job, schedule_key) where active_until is null;

CREATE INDEX schedule_history on schedule (job, active_from);

CREATE TRIGGER schedule_coverage_grows before update of covered_until on schedule
  when new.covered_until < old.covered_until
  begin select raise(abort, 'coverage may not go back'); end;

CREATE TABLE run (
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
, clock_epoch integer not null default 0, start_by integer, resolved text not null default '', begun_at integer, matrix text not null default '', occurrence text, slot text, combinations integer not null default 0, trigger_values text not null default '', caused_by text, idempotency_key text not null default '', queue text not null default '', queue_slots integer, priority integer not null default 0) strict;

CREATE INDEX run_of_job on run (job, scheduled_for);

CREATE INDEX run_scheduled_for on run (scheduled_for);

CREATE TRIGGER run_final_is_final before update of state on run
  when old.state not in ('queued', 'running', 'cancelling', 'retry_wait')
  begin select raise(abort, 'a final state may not change'); end;

CREATE TABLE gap (
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
, detail text not null default '', pruned_at integer, ran integer not null default 0) strict;

CREATE INDEX gap_of_job on gap (job, first_at);

CREATE INDEX gap_time on gap (last_at);

CREATE TABLE rejection (
  id          integer primary key,
  rejected_at integer not null,
  last_at     integer not null,
  digest      text    not null,
  diagnostics text    not null,
  resolved_at integer
) strict;

CREATE INDEX run_succeeded on run (job, ended_at) where state = 'succeeded';

CREATE INDEX run_start_by on run (start_by) where state = 'queued' and start_by is not null;

CREATE INDEX run_undecided on run (not_before) where state = 'queued' and reason = 'spread';

CREATE INDEX gap_of_schedule on gap (schedule_id, last_at);

CREATE TABLE pause (
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

CREATE INDEX pause_of_job on pause (job, paused_at);

CREATE UNIQUE INDEX generation_of_plan on generation (plan_id) where plan_id != '';

CREATE INDEX job_version_ends on job_version (until_generation);

CREATE INDEX job_version_begins on job_version (from_generation);

CREATE TABLE outbox (
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
, message text not null default '', done text not null default '', given_up_at integer) strict, without rowid;

CREATE INDEX outbox_sent on outbox (sent_at) where sent_at is not null;

CREATE TRIGGER run_is_resolved_once before update of resolved on run
  when old.state <> 'lost' or old.resolved <> ''
  begin select raise(abort, 'only a lost run is resolved, and once'); end;

CREATE TABLE pruned_request (
  job      text    not null,
  quarter  integer not null,
  state    text    not null,
  count    integer not null,
  primary key (job, quarter, state)
) strict, without rowid;

CREATE TABLE "incident" (
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

CREATE UNIQUE INDEX incident_open on incident (kind) where ended_at is null;

CREATE INDEX incident_time on incident (began_at);

CREATE INDEX run_retry_of on run (retry_of) where retry_of is not null;

CREATE INDEX run_retrying on run (retry_at) where state = 'retry_wait';

CREATE INDEX run_ready on run (not_before) where state = 'queued' and reason <> 'overlap';

CREATE TABLE "audit" (
  seq    integer primary key,
  at     integer not null,
  actor  text    not null,
  action text    not null,
  object text    not null,
  detail text    not null default '',
  hash   text    not null
) strict;

CREATE TRIGGER audit_is_not_changed before update on audit
  begin select raise(abort, 'the audit is only added to'); end;

CREATE TRIGGER audit_is_not_shortened before delete on audit
  begin select raise(abort, 'the audit is only added to'); end;

CREATE TABLE "attempt" (
  run_seq            integer not null references run (seq),
  step               text    not null default '',
  item               integer not null default 0,
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
  resolved           text    not null default '',
  max_rss_kb         integer,
  cpu_seconds        real,
  primary key (run_seq, step, item, number)
) strict, without rowid;

CREATE INDEX attempt_lost on attempt (ended_at) where state = 'lost' and resolved = '';

CREATE TABLE output (
  run_seq integer not null references run (seq),
  step    text    not null default '',
  item    integer not null default 0,
  name    text    not null,
  value   text    not null,
  primary key (run_seq, step, item, name)
) strict, without rowid;

CREATE TABLE step (
  run_seq  integer not null references run (seq),
  step     text    not null,
  item     integer not null default 0,
  state    text    not null,
  reason   text    not null default '',
  detail   text    not null default '',
  attempt  integer not null default 0,
  tries    integer not null default 0,
  retry_at integer,
  items    text,
  primary key (run_seq, step, item)
) strict, without rowid;

CREATE INDEX step_ready on step (run_seq) where state = 'ready';

CREATE INDEX step_retry on step (retry_at) where state = 'retry_wait';

CREATE INDEX run_of_occurrence on run (occurrence) where occurrence is not null;

CREATE UNIQUE INDEX run_occurrence on run (job, schedule_key, scheduled_for, clock_epoch, matrix)
  where schedule_key is not null;

CREATE INDEX run_active on run (concurrency_key, slot) where state in ('running', 'cancelling', 'retry_wait');

CREATE INDEX run_queued on run (concurrency_key, reason, slot, occurrence) where state = 'queued';

CREATE INDEX run_waiting_slot on run (concurrency_key, slot) where state = 'queued' and slot is not null;

CREATE TABLE artifact (
  seq        integer primary key,
  run_seq    integer not null references run (seq),
  step       text    not null default '',
  item       integer not null default 0,
  attempt    integer not null,
  name       text    not null,
  size       integer not null,
  sha256     text    not null,
  copy       integer not null,
  note       text    not null default '',
  dropped_at integer
) strict;

CREATE INDEX artifact_run on artifact (run_seq);

CREATE INDEX artifact_copy on artifact (run_seq) where copy > 0 and dropped_at is null;

CREATE INDEX audit_of_object on audit (object, seq);

CREATE INDEX run_caused_by on run (caused_by) where caused_by is not null;

CREATE TABLE trigger_event (
  job         text    not null,
  trigger     text    not null,
  identity    text    not null,
  run_id      text    not null,
  recorded_at integer not null, mount text not null default '',
  primary key (job, trigger, identity)
) strict, without rowid;

CREATE INDEX trigger_event_time on trigger_event (recorded_at);

CREATE TABLE idempotency_key (
  job        text    not null,
  key        text    not null,
  run_id     text    not null,
  expires_at integer not null,
  primary key (job, key)
) strict, without rowid;

CREATE INDEX idempotency_key_expiry on idempotency_key (expires_at);

CREATE TABLE backfill (
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

CREATE UNIQUE INDEX backfill_open on backfill (job) where ended_at is null;

CREATE INDEX run_backfill on run (job) where trigger = 'backfill' and state in ('queued', 'running', 'cancelling', 'retry_wait');

CREATE INDEX trigger_event_run on trigger_event (run_id);

CREATE INDEX run_ready_lane on run (queue, (trigger = 'catchup'), priority desc, scheduled_for)
  where state = 'queued' and reason <> 'overlap' and reason <> 'spread';

CREATE INDEX run_overlap_lane on run (queue, (trigger = 'catchup'), priority desc, scheduled_for)
  where state = 'queued' and reason = 'overlap';

CREATE INDEX run_retry_lane on run (queue, retry_at, priority, scheduled_for) where state = 'retry_wait';

CREATE INDEX run_overlapped on run (queue, concurrency_key, priority desc, scheduled_for)
  where state = 'queued' and reason = 'overlap';

CREATE INDEX run_overlapped_catchup on run (queue, concurrency_key, priority desc, scheduled_for)
  where state = 'queued' and reason = 'overlap' and trigger = 'catchup';

CREATE INDEX run_holding on run (queue) where queue <> '' and state in ('running', 'cancelling');

CREATE TABLE followed (
  job        text    not null,
  follower   text    not null,
  generation integer not null,
  primary key (job, follower)
) strict, without rowid;

CREATE INDEX followed_by on followed (follower);

CREATE TABLE ended (
  seq        integer primary key,
  run_id     text    not null,
  generation integer not null,
  noted_at   integer not null
) strict;

CREATE TRIGGER run_recorded_at_its_end after insert on run
  when new.state not in ('queued', 'running', 'cancelling', 'retry_wait')
    and exists (select 1 from followed where job = new.job)
  begin
    insert into ended (run_id, generation, noted_at)
    values (new.id, (select coalesce(max(number), 0) from generation), coalesce(new.ended_at, new.queued_at));
  end;

CREATE TRIGGER run_ended after update of state on run
  when new.state not in ('queued', 'running', 'cancelling', 'retry_wait')
    and exists (select 1 from followed where job = new.job)
  begin
    insert into ended (run_id, generation, noted_at)
    values (new.id, (select coalesce(max(number), 0) from generation), coalesce(new.ended_at, new.queued_at));
  end;

CREATE TRIGGER run_resolved after update of resolved on run
  when new.resolved <> '' and old.resolved = '' and exists (select 1 from followed where job = new.job)
  begin
    insert into ended (run_id, generation, noted_at)
    values (new.id, (select coalesce(max(number), 0) from generation), max(coalesce(new.ended_at, 0), (select coalesce(max(last_seen_at), 0) from session)));
  end;

CREATE TABLE late (
  job           text    not null,
  kind          text    not null,
  about         text    not null,
  since         integer not null,
  found_at      integer not null,
  limit_seconds integer,
  scheduled_for integer,
  run_id        text    not null default '',
  over_at       integer,
  primary key (job, kind, about)
) strict, without rowid;

CREATE INDEX late_open on late (job) where over_at is null;

CREATE INDEX late_time on late (job, since);

CREATE TABLE odd (
  run_id text not null,
  name   text not null,
  value  real not null,
  median real not null,
  spread real not null,
  primary key (run_id, name)
) strict, without rowid;

CREATE INDEX outbox_owed on outbox (channel, at, id) where sent_at is null and given_up_at is null;

CREATE INDEX outbox_message on outbox (message) where message <> '';

CREATE INDEX outbox_told on outbox (channel, sent_at) where sent_at is not null;

CREATE INDEX outbox_run on outbox (run_id) where run_id <> '';

CREATE INDEX outbox_given_up on outbox (given_up_at) where given_up_at is not null;

CREATE INDEX outbox_failed on outbox (next_try_at) where sent_at is null and last_error <> '';

CREATE INDEX run_failed on run (job, ended_at) where state in ('failed', 'timed_out', 'lost');

CREATE INDEX run_missed on run (job, ended_at) where state = 'missed';

CREATE INDEX gap_missed on gap (job, recorded_at) where state = 'missed' and pruned_at is null;

CREATE INDEX run_matrix on run (scheduled_for) where occurrence is not null;

CREATE TABLE access_grant (
  hash       text    not null primary key,
  kind       text    not null,
  name       text    not null,
  role       text    not null,
  jobs       text    not null,
  token      text    not null default '',
  created_at integer not null,
  created_by text    not null,
  expires_at integer,
  used_at    integer,
  ended_at   integer
) strict, without rowid;

CREATE UNIQUE INDEX access_grant_token on access_grant (name) where kind = 'token' and ended_at is null;

CREATE INDEX access_grant_session on access_grant (token) where kind = 'session';

CREATE INDEX access_grant_expires on access_grant (expires_at) where expires_at is not null;

CREATE TABLE histogram (
  name   text    not null,
  job    text    not null,
  bound  integer not null,
  runs   integer not null,
  length integer not null,
  primary key (job, name, bound)
) strict, without rowid;

insert or ignore into meta (key, value) values ('lineage', lower(hex(randomblob(16))));
