-- A ledger with a hundred thousand runs of a hundred jobs; few of them are open.

set session_replication_role = replica;
insert into definition select 'd' || n, 'job-' || n, '{}' from generate_series(0, 99) as n;
insert into generation (number, digest, applied_at, applied_by, main_file, revision, tzdata_version, cron_semantics)
values (1, 'd', 1, 'anna', 'jobs.yaml', '', 'x', 1);
insert into job_version select 'job-' || n, 1, null, 'd' || n, 'jobs.yaml', n from generate_series(0, 99) as n;
insert into schedule (job, schedule_key, rule, generation, active_from, covered_until)
select 'job-' || n, 'default', '[]', 1, 1, 1 from generate_series(0, 99) as n;
insert into run (id, job, digest, trigger, scheduled_for, params, state, queued_at, not_before, started_at, ended_at,
                 attempt, concurrency_key, schedule_key, reason)
select md5(n::text), 'job-' || n % 100, 'd' || n % 100, 'schedule', n * 1000000::bigint, '{}',
       case when n % 1000 = 0 then 'queued' when n % 1000 = 1 then 'running' when n % 20 = 3 then 'failed'
            else 'succeeded' end,
       n, n, n, case when n % 1000 > 1 then n end, 1, 'job-' || n % 100, 'default',
       case when n % 5000 = 0 then 'overlap' when n % 5000 = 1000 then 'spread' else '' end
from generate_series(1, 100000) as n;
insert into attempt (run_seq, number, state, boot_id, created_at)
select seq, 1, case when state = 'running' then state else 'succeeded' end, 'boot', 1 from run where state = 'running' or seq % 10 = 7;
insert into gap (schedule_id, job, first_at, last_at, count, state, reason, generation, epoch, recorded_at)
select id, job, n, n, 1, 'missed', '', 1, 1, n from schedule, generate_series(1, 100) as n;
insert into outbox (id, at, event, channel, job, run_id, body, next_try_at, sent_at, message)
select n::text, n, 'failure', 'mail-' || n % 10, 'job-' || n % 100, md5(n::text), '{}', n, n, 'm' || n
from generate_series(1, 10000) as n;
insert into audit select n, n, 'anna', 'x', 'o' || n % 1000, '', '' from generate_series(1, 10000) as n;
insert into late (job, kind, about, since, found_at, over_at)
select 'job-' || n % 100, 'done_by', n::text, n, n, n from generate_series(1, 10000) as n;
insert into output select seq, '', 0, 'rows', '1' from run where seq % 4 = 3;
insert into pruned_request select 'job-' || n % 100, n, 'failed', 1 from generate_series(1, 10000) as n;
insert into pause (job, source, actor, reason, paused_at, ended_at)
select 'job-' || n % 100, 'hand', 'anna', '', n, n from generate_series(1, 10000) as n;
set session_replication_role = origin;
analyze;
