-- The hosts, as each says of itself.

-- name: appear
-- Notes a host that takes attempts from now on. Whether it is draining stays as it was.
insert into host (id, name, process, boot_id, version, labels, slots, seen_at)
values (:id, :name, :process, :boot_id, :version, :labels, :slots, now_us())
on conflict (id) do update
set name = excluded.name, process = excluded.process, boot_id = excluded.boot_id, version = excluded.version,
    labels = excluded.labels, slots = excluded.slots, seen_at = excluded.seen_at, ended_at = null
returning is_draining;

-- name: sign
-- Notes a heartbeat, and with which server the host has compared what it has, unless another process is that host now.
update host set seen_at = now_us(), skew = :skew, free_bytes = :free_bytes, trouble = :trouble, server = :server
where id = :id and process = :process
returning is_draining, now_us() as now;

-- name: leave
-- Notes that a host takes nothing any more.
update host set ended_at = now_us(), seen_at = now_us() where id = :id and process = :process returning id;

-- name: all
-- All hosts, with the number of attempts that each has. A cluster has what the hosts have that it started.
select id, name, process, boot_id, version, labels, slots, is_draining, seen_at, ended_at, skew, free_bytes, trouble,
       server,
       (select count(*) from delivery
        where (delivery.host = host.id or starts_with(delivery.host, host.id || '/')) and state = 'held') as held,
       now_us() as now
from host order by name, id;

-- name: drain
-- Lets a host take nothing new, or take attempts again.
update host set is_draining = :is_draining where name = :name returning id;

-- name: forget
-- Deletes hosts that have been away for long and have nothing.
delete from host
where seen_at < now_us() - :after and not exists (select 1 from delivery where delivery.host = host.id and state = 'held')
returning id;

-- name: forget_members
-- Deletes hosts that a cluster has started for one attempt each, when they have ended, or are silent for long and
-- have nothing.
delete from host
where strpos(id, '/') > 0 and (ended_at is not null or seen_at < now_us() - :after)
  and not exists (select 1 from delivery where delivery.host = host.id and state = 'held')
returning id;

-- name: now
-- The clock of the server.
select now_us() as now;
