-- An attempt belongs to a run and a step: '' for a job with one action, and item 0 if a step has no list.
create table attempt_new (
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
insert into attempt_new
select run_seq, '', 0, number, state, boot_id, created_at, started_at, ended_at, exit_code, signal, reason, detail,
       output_bytes, output_dropped, leftover_processes, resolved, max_rss_kb, cpu_seconds
from attempt order by run_seq, number;
drop table attempt;
alter table attempt_new rename to attempt;
create index attempt_lost on attempt (ended_at) where state = 'lost' and resolved = '';

-- In the canonical text of a job each member of a union has its kind, so the digests of all jobs change, once.
-- A text that differs from the hashed one stays as it is: no new digest may make it look intact.
create temp table tagging as
select digest as old, sha256(tagged) as new, job, tagged as spec
from (select digest, job, tagged_job(cast(spec as blob)) as tagged from definition
      where sha256(cast(spec as blob)) = digest)
where tagged is not null;
create unique index temp.tagging_old on tagging (old);
insert into definition (digest, job, spec) select new, job, spec from tagging where true on conflict (digest) do nothing;
update generation set digest = sha256(coalesce(
  (select json_group_object(v.job, coalesce(t.new, v.digest))
   from (select job, digest from job_version
         where from_generation <= generation.number
           and (until_generation is null or until_generation > generation.number) order by job) v
   left join tagging t on t.old = v.digest), '{}'))
where digest = sha256(coalesce(
  (select json_group_object(v.job, v.digest)
   from (select job, digest from job_version
         where from_generation <= generation.number
           and (until_generation is null or until_generation > generation.number) order by job) v), '{}'));
update job_version set digest = (select new from tagging where old = digest)
where digest in (select old from tagging);
update run set digest = (select new from tagging where old = digest) where digest in (select old from tagging);
delete from definition where digest in (select old from tagging);
drop table temp.tagging;
update schedule set rule = coalesce(tagged_rule(cast(rule as blob)), rule);
