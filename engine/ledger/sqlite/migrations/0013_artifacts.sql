-- The files that attempts kept, in the order in which they were recorded. A copy of 0 means that there is none, and
-- `note` then says why.
create table artifact (
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
create index artifact_run on artifact (run_seq);
-- Those whose copies are still there, for retention.
create index artifact_copy on artifact (run_seq) where copy > 0 and dropped_at is null;
