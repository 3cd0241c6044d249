-- A job was late: no success by a time of day or for too long, or a run that took too long. `about` is the local day, the
-- instant from which the time without a success counts, or the run. `over_at` is when a success ended it.
create table late (
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
create index late_open on late (job) where over_at is null;
create index late_time on late (job, since);
create table odd (
  run_id text not null,
  name   text not null,
  value  real not null,
  median real not null,
  spread real not null,
  primary key (run_id, name)
) strict, without rowid;
