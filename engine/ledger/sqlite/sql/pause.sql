-- Pauses of jobs: the statement that only SQLite understands, because of its min() of two values.

-- name: last_resume
-- When the last pause of a job ended. min() is null when one value is, so each value replaces the other when that is null.
select max(min(coalesce(ended_at, until), coalesce(until, ended_at))) from pause
where job = :job and coalesce(ended_at, until) is not null;
