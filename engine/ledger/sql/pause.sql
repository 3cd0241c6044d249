-- Pauses of jobs.

-- name: add_pause
-- Pause a job.
insert into pause (job, source, actor, reason, paused_at, until)
values (:job, :source, :actor, :reason, :paused_at, :until);

-- name: end_pauses
-- Resume a job.
update pause set ended_at = :now, ended_by = :ended_by
where job = :job and ended_at is null and (until is null or until > :now);

-- name: pauses_between
-- Pauses that were in force at some time in a window, oldest first. A pause ends at the earlier of `until` and
-- `ended_at`; without either it is open; `:since + 1` replaces the missing time.
select * from pause
where coalesce(ended_at, until, :since + 1) > :since and coalesce(until, :since + 1) > :since
  and paused_at <= :until
order by paused_at, id;

-- name: pauses_of_job_between
-- The same for one job.
select * from pause
where job = :job and coalesce(ended_at, until, :since + 1) > :since and coalesce(until, :since + 1) > :since
  and paused_at <= :until
order by paused_at, id;

-- name: last_resume
-- When the last pause of a job ended: at the earlier of `ended_at` and `until`, or at the one that there is.
select max(case when ended_at < until then ended_at else coalesce(until, ended_at) end) from pause
where job = :job and coalesce(ended_at, until) is not null;
