-- Attempts are stored in the order in which their runs were recorded, not in the random order of ids: rows that are
-- written together are stored together, and a commit writes a few pages instead of two for each attempt.
create table attempt_new (
  run_seq            integer not null references run (seq),
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
  primary key (run_seq, number)
) strict, without rowid;
insert into attempt_new
select r.seq, a.number, a.state, a.boot_id, a.created_at, a.started_at, a.ended_at, a.exit_code, a.signal, a.reason,
       a.detail, a.output_bytes, a.output_dropped, a.leftover_processes, a.resolved, a.max_rss_kb, a.cpu_seconds
from attempt a join run r on r.id = a.run_id order by r.seq, a.number;
drop table attempt;
alter table attempt_new rename to attempt;
create index attempt_lost on attempt (ended_at) where state = 'lost' and resolved = '';
