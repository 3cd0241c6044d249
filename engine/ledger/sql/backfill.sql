-- Backfills: requests to run past occurrences of a schedule.

-- name: add_backfill
-- Begin a backfill.
insert into backfill (job, since, until, covered_until, at_once, again, requested_by, begun_at)
values (:job, :since, :until, :covered_until, :at_once, :again, :requested_by, :begun_at) returning id;

-- name: open_backfills
-- The backfills that are not over, the oldest first.
select * from backfill where ended_at is null order by id;

-- name: open_backfill
-- The backfill of a job that is not over.
select * from backfill where job = :job and ended_at is null;

-- name: backfills
-- The newest backfills, of one job or of all.
select * from backfill where (cast(:job as text) is null or job = :job) order by id desc limit :limit;

-- name: advance_backfill
-- Every occurrence up to an instant was handled.
update backfill set covered_until = :covered_until where id = :id and ended_at is null;

-- name: end_backfill
-- A backfill is over, and why.
update backfill set ended_at = :now, ended_because = :because where id = :id and ended_at is null;

-- name: open_runs_of_backfill
-- The number of a job's runs of a backfill that are not over.
select count(*) as count from run
where job = :job and trigger = 'backfill' and state in ('queued', 'running', 'cancelling', 'retry_wait');

-- name: runs_at
-- The runs of a job for an instant, in the order of their recording.
select * from run where job = :job and scheduled_for = :at order by seq;

-- name: pruned_success_at
-- Whether retention deleted a successful run of a job for an instant.
select 1 as is_there from gap
where job = :job and first_at <= :at and last_at >= :at and state = 'succeeded' limit 1;

-- name: results_of_backfill
-- The runs of a backfill, counted by state.
select case when r.resolved = '' then r.state else r.resolved end as state, count(*) as count
from trigger_event e join run r on r.id = e.run_id
where e.job = :job and e.trigger = 'backfill' and e.identity >= :first and e.identity < :after
group by 1;
