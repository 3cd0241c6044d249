-- The hosts, as each says of itself, with functions: migrations/0003_rights.sql.

-- name: appear
-- Notes a host that takes attempts from now on. Whether it is draining stays as it was.
select worker_appear(:id, :name, :process, :boot_id, :version, :labels, :slots, :carrier) as is_draining;

-- name: sign
-- Notes a heartbeat, unless another process is that host now.
select draining as is_draining, at as now from worker_sign(:id, :process, :skew, :free_bytes, :trouble, :lack);

-- name: leave
-- Notes that a host takes nothing more.
select worker_leave(:id, :process);

-- name: all
-- All hosts, with the number of attempts that each has. For a cluster, those of the hosts that it has started count.
select id, name, process, boot_id, version, labels, slots, is_draining, seen_at, ended_at, skew, free_bytes, trouble, carrier,
       lack, (select count(*) from delivery
        where (delivery.host = host.id or starts_with(delivery.host, host.id || '/')) and state = 'held') as held,
       now_us() as now
from host order by name, id;

-- name: drain
-- Stops giving a host new attempts, or gives it attempts again.
update host set is_draining = :is_draining where name = :name returning id;

-- name: forget
-- Deletes hosts that have been away for a long time and have nothing.
delete from host
where seen_at < now_us() - :after and not exists (select 1 from delivery where delivery.host = host.id and state = 'held')
returning id;

-- name: forget_members
-- Deletes hosts that a cluster has started for one attempt each: those that have ended, or have been silent for a long
-- time, and have nothing.
delete from host
where strpos(id, '/') > 0 and (ended_at is not null or seen_at < now_us() - :after)
  and not exists (select 1 from delivery where delivery.host = host.id and state = 'held')
returning id;

-- name: now
-- The clock of the server.
select now_us() as now;
