-- Jobs that were late, and runs that were unusual.

-- name: add_late
-- Record that a job is late; nothing changes when it is known.
insert into late (job, kind, about, since, found_at, limit_seconds, scheduled_for, run_id)
values (:job, :kind, :about, :since, :found_at, :limit_seconds, :scheduled_for, :run_id)
on conflict (job, kind, about) do nothing;

-- name: end_late
-- A success ends it.
update late set over_at = :now where job = :job and over_at is null;

-- name: open_late
-- What no success has ended, by job and then oldest first.
select * from late where over_at is null order by job, since, kind, about;

-- name: open_late_of_job
-- The same for one job.
select * from late where over_at is null and job = :job order by since, kind, about;

-- name: late_between
-- What became true in a window, by job and then oldest first.
select * from late where since >= :since and since < :until order by job, since, kind, about;

-- name: late_of_job_between
-- The same for one job.
select * from late where job = :job and since >= :since and since < :until order by since, kind, about;

-- name: drop_late
-- Delete what a success ended before an instant.
delete from late where over_at < :before;

-- name: rename_late
-- What is recorded about a job.
update late set job = :new
where job = :old and not exists (
  select 1 from late as other where other.job = :new and other.kind = late.kind and other.about = late.about);

-- name: add_odd
-- Record that something about a run is unusual.
insert into odd (run_id, name, value, median, spread) values (:run_id, :name, :value, :median, :spread)
on conflict (run_id, name) do nothing;

-- name: odd_of_run
-- What is unusual about a run, by name.
select * from odd where run_id = :run_id order by name;

-- name: numbers
-- The values of an output in the job's newest runs that succeeded, newest first.
select o.value from run r join output o on o.run_seq = r.seq
where r.job = :job and r.state = 'succeeded' and r.id <> :besides and o.step = '' and o.name = :name
order by r.ended_at desc limit :limit;

-- name: durations
-- The durations of the last attempts, or of the last rounds of steps, of the job's newest runs that succeeded, newest
-- first.
select r.ended_at - coalesce(a.started_at, r.begun_at, r.started_at) as length
from run r left join attempt a on a.run_seq = r.seq and a.step = '' and a.item = 0 and a.number = r.attempt
where r.job = :job and r.state = 'succeeded' and r.id <> :besides and r.started_at is not null
order by r.ended_at desc limit :limit;

-- name: drop_odd
-- What is unusual about runs that are deleted.
delete from odd where run_id = :run_id;
