-- For the check of the ledger itself: whole tables, and rows that contradict each other.

-- name: tally
-- The numbers of rows in the main tables.
select (select count(*) from run) as runs, (select count(*) from attempt) as attempts,
       (select count(*) from schedule) as schedules, (select count(*) from gap) as gaps;

-- name: set_keys
-- Every set of occurrences of the schedules and runs.
select job, schedule_key, clock_epoch from schedule
union
select job, schedule_key, clock_epoch from run where schedule_key is not null
order by 1, 2, 3;

-- name: schedules_of_set
-- The schedules of a set of occurrences, oldest first.
select s.*, '' as digest from schedule s
where s.job = :job and s.schedule_key = :schedule_key and s.clock_epoch = :clock_epoch
order by s.active_from, s.id;

-- name: instants_of_set
-- The runs of a set of occurrences, by nominal time; of an occurrence with several runs, the first one.
select scheduled_for, id from run
where job = :job and schedule_key = :schedule_key and clock_epoch = :clock_epoch
  and (occurrence is null or occurrence = id)
order by scheduled_for, id;

-- name: torn_occurrences
-- Occurrences of a matrix that do not have each of their runs once: a row is missing, or one is too many.
select coalesce(min(case when id = occurrence then id end), min(id)) as run_id, min(job) as job, count(*) over () as total,
       'its occurrence has ' || count(distinct matrix) || ' of its ' || max(combinations) || ' combinations, in '
       || count(*) || ' runs' as said
from run where occurrence is not null and retry_of is null
group by occurrence
having count(*) <> max(combinations) or count(distinct matrix) <> count(*) or min(combinations) <> max(combinations)
    or min(scheduled_for) <> max(scheduled_for) or count(case when id = occurrence then 1 end) = 0 or count(distinct job) <> 1
order by run_id limit :limit;

-- name: run_ids
-- The ids of all runs, in order.
select id from run order by id;

-- name: half_ended
-- Runs and attempts whose state and end contradict each other, or that are resolved but were not lost.
select run_id, job, said, count(*) over () as total from (
  select id as run_id, job, 'it is ' || state || case
           when state not in ('queued', 'running', 'cancelling', 'retry_wait', 'succeeded', 'failed', 'timed_out',
                              'cancelled', 'lost', 'skipped', 'missed') then ', which is not a state'
           when resolved <> '' then ' and resolved as ' || resolved
           when ended_at is null then ' and has no end' else ' and has an end' end as said
  from run
  where (state in ('queued', 'running', 'cancelling', 'retry_wait')) <> (ended_at is null)
     or state not in ('queued', 'running', 'cancelling', 'retry_wait', 'succeeded', 'failed', 'timed_out',
                      'cancelled', 'lost', 'skipped', 'missed')
     or (resolved <> '' and (state <> 'lost' or resolved not in ('succeeded', 'failed', 'timed_out', 'cancelled', 'skipped')))
  union all
  select r.id, r.job, 'attempt ' || a.number || ' is ' || a.state
         || case when a.ended_at is null then ' and has no end' else ' and has an end' end
  from attempt a join run r on r.seq = a.run_seq
  where (a.state in ('starting', 'running')) <> (a.ended_at is null)
     or a.state not in ('starting', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'skipped',
                         'not_started')
) as found order by run_id limit :limit;

-- name: misnumbered
-- Runs and steps whose attempt numbers have a hole, or of which an attempt that is not the last one is alive.
select run_id, job, count(*) over () as total,
       place || case when alive > 1 then alive || ' of its attempts are alive'
            when last_alive < attempt then 'attempt ' || last_alive || ' is alive, and ' || attempt || ' were made'
            else 'it says ' || attempt || ' attempts, and there are ' || have || ', numbered up to ' || highest
       end as said
from (select r.id as run_id, r.job, '' as place, r.attempt, count(a.number) as have,
             coalesce(min(a.number), 1) as lowest, coalesce(max(a.number), 0) as highest,
             count(case when a.state in ('starting', 'running') then 1 end) as alive,
             coalesce(max(case when a.state in ('starting', 'running') then a.number end), r.attempt) as last_alive
      from run r left join attempt a on a.run_seq = r.seq and a.step = ''
      where not exists (select 1 from step where run_seq = r.seq) group by r.seq
      union all
      select r.id, r.job, 'step ' || s.step || ': ', coalesce(max(s.attempt), 0), count(a.number),
             coalesce(min(a.number), 1), coalesce(max(a.number), 0),
             count(case when a.state in ('starting', 'running') then 1 end),
             coalesce(max(case when a.state in ('starting', 'running') then a.number end), max(s.attempt))
      from step s join run r on r.seq = s.run_seq
      left join attempt a on a.run_seq = s.run_seq and a.step = s.step and a.item = s.item
      where s.items is null and s.attempt > 0 group by r.seq, s.step, s.item) as found
where have <> attempt or highest <> attempt or lowest <> 1 or alive > 1 or last_alive < attempt
order by run_id limit :limit;

-- name: executed_twice
-- Runs with a lost attempt that turned out to have executed, although a later attempt had started.
select r.id as run_id, r.job, 'attempt ' || a.number || ' ended as ' || a.resolved || ', and ' || max(b.number)
                        || ' were made' as said, count(*) over () as total
from attempt a join run r on r.seq = a.run_seq
join attempt b on b.run_seq = a.run_seq and b.step = a.step and b.item = a.item and b.number > a.number
where a.resolved <> '' group by a.run_seq, a.step, a.item, a.number, r.seq
order by r.id limit :limit;

-- name: unproven
-- Runs and steps that are recorded, or resolved, as succeeded without a successful attempt; and runs that are recorded
-- as succeeded with an open step; and artifacts of attempts that did not run, or whose copies have no name or SHA-256.
select run_id, job, said, count(*) over () as total from (
  select r.seq, r.id as run_id, r.job,
         case when a.run_seq is null then 'it has no attempt'
              else 'attempt ' || a.number || ' is ' || a.state || ' with exit code '
                   || coalesce(cast(a.exit_code as text), 'unknown') end as said
  from run r left join attempt a on a.run_seq = r.seq and a.number = r.attempt and a.step = ''
  where ((r.state = 'succeeded' and not (coalesce(a.state, '') = 'succeeded' and coalesce(a.exit_code, 1) = 0))
         or (r.resolved = 'succeeded'
             and not (coalesce(a.resolved, '') = 'succeeded' and coalesce(a.exit_code, 1) = 0)))
    and not exists (select 1 from step where run_seq = r.seq)
  union all
  select r.seq, r.id, r.job, 'step ' || s.step || ' succeeded without a successful attempt'
  from step s join run r on r.seq = s.run_seq
  left join attempt a on a.run_seq = s.run_seq and a.step = s.step and a.item = s.item and a.number = s.attempt
  where s.state = 'succeeded' and s.items is null and s.reason <> 'kept'
    and not (coalesce(a.state, '') = 'succeeded' and coalesce(a.exit_code, 1) = 0)
  union all
  -- A retry that was made by hand: the step must have succeeded in the run that it retries, if that still exists.
  select r.seq, r.id, r.job, 'step ' || s.step || ' was not run again, but had not succeeded before'
  from step s join run r on r.seq = s.run_seq left join run old on old.id = r.retry_of
  left join step before on before.run_seq = old.seq and before.step = s.step and before.item = s.item
  where s.reason = 'kept' and (r.retry_of is null or (old.seq is not null and coalesce(before.state, '') <> 'succeeded'))
  union all
  select r.seq, r.id, r.job, 'step ' || s.step || ' is ' || s.state
  from step s join run r on r.seq = s.run_seq
  where r.state = 'succeeded' and s.state in ('ready', 'running', 'retry_wait')
  union all
  select r.seq, r.id, r.job,
         case when a.run_seq is null then 'it has an artifact of an attempt that is not there'
              when a.state in ('starting', 'not_started') then 'it has an artifact of an attempt that did not run'
              else 'an artifact has a copy, and no name or no SHA-256' end
  from artifact f join run r on r.seq = f.run_seq
  left join attempt a on a.run_seq = f.run_seq and a.step = f.step and a.item = f.item and a.number = f.attempt
  where coalesce(a.state, 'starting') in ('starting', 'not_started')
     or (f.copy > 0 and (f.name = '' or f.sha256 = ''))) as found
order by seq limit :limit;

-- name: ownerless
-- Open runs that no loop will ever change: they have no live attempt and no time of a retry.
select r.id as run_id, r.job, count(*) over () as total,
       case r.state when 'retry_wait' then 'it waits for another try at no time'
                    else 'it is ' || r.state || ' without a live attempt' end as said
from run r
where (r.state in ('running', 'cancelling')
       and not exists (select 1 from attempt a where a.run_seq = r.seq and a.state in ('starting', 'running'))
       and not exists (select 1 from step s where s.run_seq = r.seq and s.state in ('ready', 'retry_wait')))
   or (r.state = 'retry_wait' and r.retry_at is null)
order by r.seq limit :limit;

-- name: long_expired
-- Queued runs whose start deadline has passed, and that were not ended.
select * from run where state = 'queued' and start_by is not null and start_by < :now order by seq limit :limit;

-- name: last_states
-- For each run state, the states of the last attempts, with counts and an example.
select r.state as run_state, coalesce(a.state, '') as attempt_state, count(*) as count, min(r.id) as run_id
from run r left join attempt a on a.run_seq = r.seq and a.number = r.attempt and a.step = ''
where r.reason <> 'unreadable' and not exists (select 1 from step where run_seq = r.seq)
group by 1, 2 order by 1, 2;

-- name: crowds
-- Concurrency keys with more active runs than the highest limit of those runs allows; runs with one slot count once.
-- A run without a limit may be active beside any number.
select * from (
  select concurrency_key, count(distinct slot) + count(*) - count(slot) as active, max(concurrency_limit) as most
  from run where state in ('running', 'cancelling', 'retry_wait')
  group by concurrency_key having count(*) = count(concurrency_limit)) as found
where active > most order by concurrency_key limit :limit;

-- name: all_run
-- Every row of the table, to check each.
select * from run;

-- name: all_attempt
-- Every row of the table, to check each.
select a.*, r.id as run_id from attempt a left join run r on r.seq = a.run_seq;

-- name: all_step
-- Every step.
select s.*, r.id as run_id from step s join run r on r.seq = s.run_seq;

-- name: all_output
-- Every output.
select o.*, r.id as run_id from output o join run r on r.seq = o.run_seq;

-- name: all_artifact
-- Every artifact.
select f.*, r.id as run_id from artifact f left join run r on r.seq = f.run_seq;

-- name: all_schedule
-- Every row of the table, to check each.
select * from schedule;

-- name: all_gap
-- Every row of the table, to check each.
select * from gap;

-- name: all_generation
-- Every row of the table, to check each.
select * from generation;

-- name: all_job_version
-- Every row of the table, to check each.
select * from job_version;

-- name: all_session
-- Every row of the table, to check each.
select * from session;

-- name: all_rejection
-- Every row of the table, to check each.
select * from rejection;

-- name: all_pause
-- Every row of the table, to check each.
select * from pause;

-- name: all_incident
-- Every row of the table, to check each.
select * from incident;

-- name: all_audit
-- Every row of the table, to check each.
select * from audit;

-- name: all_outbox
-- Every row of the table, to check each.
select * from outbox;

-- name: all_pruned_request
-- Every row of the table, to check each.
select * from pruned_request;

-- name: all_histogram
-- Every row of the table, to check each.
select * from histogram;

-- name: all_access_grant
-- Every token, session and code.
select * from access_grant;

-- name: all_late
-- Everything that a job is, or was, late with.
select * from late;

-- name: all_odd
-- Everything unusual about runs.
select * from odd;

-- name: all_backfill
-- Every backfill.
select * from backfill;

-- name: all_trigger_event
-- Every trigger event.
select * from trigger_event;

-- name: all_idempotency_key
-- Every idempotency key.
select * from idempotency_key;

-- name: all_followed
-- Every job that another follows.
select * from followed;

-- name: all_ended
-- Every end that no engine has acted on.
select * from ended;

-- name: all_definition
-- Every row of the table, to check each.
select * from definition;

-- name: all_meta
-- Every row of the table, to check each.
select * from meta;
