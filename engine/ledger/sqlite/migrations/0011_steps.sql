-- The decided steps of a run, and the items of their lists; item 0 is the step itself.
create table step (
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
create index step_ready on step (run_seq) where state = 'ready';
create index step_retry on step (retry_at) where state = 'retry_wait';

-- When the newest attempt of a run began, or the newest round of its steps: the job's timeout counts from it.
alter table run add column begun_at integer;
