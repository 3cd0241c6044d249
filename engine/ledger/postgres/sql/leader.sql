-- Which engine leads.

-- name: acquire
-- Takes or renews the lead. If the connection of the leader is gone, another may lead at once. But a server that has just
-- started has no old connections, so then the leader gets the time to connect again.
insert into leader (name, holder, host, backend, term, until)
values ('engine', :holder, :host, pg_backend_pid(), 1, now_us() + :length)
on conflict (name) do update
set holder = excluded.holder, host = excluded.host, backend = excluded.backend, until = excluded.until,
    term = leader.term + case when leader.holder = excluded.holder then 0 else 1 end
where leader.holder = excluded.holder
   or leader.until < now_us()
   or (up_us() > :length
       and not exists (select 1 from pg_stat_activity where pid = leader.backend))
returning term;

-- name: release
-- Gives up the lead; only its holder can.
update leader set until = 0 where holder = :holder returning term;

-- name: current
-- Who leads, or led last.
select holder, leader.host, coalesce(host.name, scheduler.name, '') as host_name, term, until, now_us() as now
from leader left join host on host.id = leader.host left join scheduler on scheduler.id = leader.host;
