-- The engines that lead or wait to lead, as each says of itself.

-- name: sign
-- Notes a scheduler, or its heartbeat.
insert into scheduler (id, name, process, version, carrier, seen_at)
values (:id, :name, :process, :version, :carrier, now_us())
on conflict (id) do update
set name = excluded.name, process = excluded.process, version = excluded.version, carrier = excluded.carrier,
    seen_at = excluded.seen_at, ended_at = null
returning id;

-- name: leave
-- Notes that a scheduler has ended normally.
update scheduler set ended_at = now_us(), seen_at = now_us() where id = :id and process = :process returning id;

-- name: all
-- All schedulers, and whether each leads now.
select id, name, scheduler.process, version, carrier, seen_at, ended_at, now_us() as now,
       exists (select 1 from leader where holder = scheduler.process and until > now_us()) as leads
from scheduler order by name, id;

-- name: leading_carrier
-- What brings the offers of the engine that leads, or led last.
select coalesce(worker_leading_carrier(), '') as carrier;

-- name: forget
-- Deletes schedulers that have been away for long.
delete from scheduler where seen_at < now_us() - :after returning id;
