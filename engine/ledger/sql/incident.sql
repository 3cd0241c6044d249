-- Incidents of the engine, and holds: incidents without an end, during which nothing starts.

-- name: add_incident
-- Record an incident or begin a hold.
insert into incident (kind, began_at, ended_at, detail, occurrences, jobs, recorded_at)
values (:kind, :began_at, :ended_at, :detail, :occurrences, :jobs, :recorded_at);

-- name: grow_incident
-- More occurrences belong to the same incident.
update incident set occurrences = occurrences + :occurrences, jobs = jobs + :jobs, ended_at = :ended_at
where id = (select id from incident where kind = :kind and began_at = :began_at order by id desc limit 1);

-- name: open_hold
-- The open hold of a kind: clock not believed, restored ledger, full disk.
select * from incident where kind = :kind and ended_at is null;

-- name: end_hold
-- End the hold of a kind.
update incident set ended_at = :now, accepted_by = :accepted_by where kind = :kind and ended_at is null;

-- name: accept_hold
-- A user confirmed the clock.
update incident set accepted_by = :actor where kind = 'clock_hold' and ended_at is null;

-- name: recent_incidents
-- Incidents, newest first.
select * from incident order by id desc limit :limit;
