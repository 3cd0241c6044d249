-- Pauses of jobs.
-- SQLite's own: its min() of two values.

-- name: last_resume
-- When the last pause of a job ended.
select max(min(coalesce(ended_at, until), coalesce(until, ended_at))) from pause
where job = :job and coalesce(ended_at, until) is not null;
