-- Jobs that start after other jobs. A row for each job in force and each job that it follows, with the generation that
-- first said so: an end from before it starts nothing.
create table followed (
  job        text    not null,
  follower   text    not null,
  generation integer not null,
  primary key (job, follower)
) strict, without rowid;
create index followed_by on followed (follower);

-- The ends of runs of these jobs that no engine has acted on yet. The database itself adds them, in the transaction of
-- the end, whatever ended the run. An engine deletes a row in the transaction that records what follows from it. A lost
-- run whose end is found later is noted with the time at which an engine was last seen: its own end is long past.
create table ended (
  seq        integer primary key,
  run_id     text    not null,
  generation integer not null,
  noted_at   integer not null
) strict;

-- A run that does not run is recorded with its end.
create trigger run_recorded_at_its_end after insert on run
  when new.state not in ('queued', 'running', 'cancelling', 'retry_wait')
    and exists (select 1 from followed where job = new.job)
  begin
    insert into ended (run_id, generation, noted_at)
    values (new.id, (select coalesce(max(number), 0) from generation), coalesce(new.ended_at, new.queued_at));
  end;
create trigger run_ended after update of state on run
  when new.state not in ('queued', 'running', 'cancelling', 'retry_wait')
    and exists (select 1 from followed where job = new.job)
  begin
    insert into ended (run_id, generation, noted_at)
    values (new.id, (select coalesce(max(number), 0) from generation), coalesce(new.ended_at, new.queued_at));
  end;
-- A lost run whose end is found later ends again.
create trigger run_resolved after update of resolved on run
  when new.resolved <> '' and old.resolved = '' and exists (select 1 from followed where job = new.job)
  begin
    insert into ended (run_id, generation, noted_at)
    values (new.id, (select coalesce(max(number), 0) from generation), max(coalesce(new.ended_at, 0), (select coalesce(max(last_seen_at), 0) from session)));
  end;
