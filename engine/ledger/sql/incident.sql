-- Incidents: what happened to the engine, and what holds it back.

-- name: add_incident
-- Something happened to the engine.
insert into incident (kind, began_at, ended_at, detail, occurrences, jobs, recorded_at)
values (:kind, :began_at, :ended_at, :detail, :occurrences, :jobs, :recorded_at);

-- name: grow_incident
-- More occurrences fell into the same incident.
update incident set occurrences = occurrences + :occurrences, jobs = jobs + :jobs, ended_at = :ended_at
where id = (select id from incident where kind = :kind and began_at = :began_at order by id desc limit 1);

-- name: open_hold
-- What holds the engine back, if it does: a clock that is not believed, an older ledger, a full disk.
select * from incident where kind = :kind and ended_at is null;

-- name: end_hold
-- It holds the engine back no more.
update incident set ended_at = :now, accepted_by = :accepted_by where kind = :kind and ended_at is null;

-- name: accept_hold
-- A person says that the clock is right.
update incident set accepted_by = :actor where kind = 'clock_hold' and ended_at is null;

-- name: recent_incidents
-- What happened to the engine, the newest first.
select * from incident order by id desc limit :limit;
