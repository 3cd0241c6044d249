-- Which attempt is offered to hosts, held by one, or over.

-- name: offer
-- Records an attempt for hosts to take; one that is recorded stays as it is.
insert into delivery (run_id, number, step, item, needs, state, lease, offered_at)
values (:run_id, :number, :step, :item, :needs, 'offered', :lease, now_us())
on conflict (run_id, number, step, item) do nothing
returning run_id;

-- name: of_runs
-- All attempts of runs that were ever offered, in that order.
select * from delivery where run_id in (select value from json_each(:runs)) order by fence;

-- name: open
-- What is offered or held.
select * from delivery where state <> 'ended' order by fence;

-- name: without_run
-- The number of ended attempts whose run is deleted.
select count(*) as number from delivery
where state = 'ended' and not exists (select 1 from run where run.id = delivery.run_id);

-- name: withdraw
-- Ends an attempt that no host has taken.
update delivery set state = 'ended', outcome = :outcome, ended_at = now_us()
where run_id = :run_id and number = :number and step = :step and item = :item and state = 'offered'
returning run_id;

-- name: silent
-- Leases that are over, by a server and a judge that could have heard of a renewal.
select * from delivery
where state = 'held' and lease_until + :grace < now_us() and lease + :grace < :heard
  and up_us() > lease + :grace;

-- name: judge
-- Ends an attempt of a silent host, unless it was renewed meanwhile.
update delivery set state = 'ended', outcome = :outcome, ended_at = now_us()
where run_id = :run_id and number = :number and step = :step and item = :item
  and state = 'held' and lease_until = :lease_until
returning run_id;

-- name: untaken
-- Offers that no host has taken; each is repeated after 1, 4, 6, 8 … times the patience.
update delivery set offers = offers + 1
where state = 'offered' and offered_at + :patience * offers * least(offers, 2) < now_us()
returning *;

-- name: forget
-- Deletes what is over and whose run is deleted.
delete from delivery
where (run_id, number, step, item) in (
  select run_id, number, step, item from delivery
  where state = 'ended' and ended_at < now_us() - :after
    and not exists (select 1 from run where run.id = delivery.run_id)
  limit :limit
)
returning run_id;

-- name: take
-- Gives an attempt that is offered to a host: one of them only, and none that shall take nothing new. The host
-- itself learns that only at its next heartbeat. After a failover, another host may have it, which the new server
-- does not know: until each has said what it has, or must have ended it.
update delivery
set state = 'held', host = :host, process = :process, boot_id = :boot_id, held_at = now_us(),
    lease_until = now_us() + lease, started_at = null
where run_id = :run_id and number = :number and step = :step and item = :item and state = 'offered'
  and not exists (select 1 from host where id = :host and is_draining)
  and not exists (
    select 1 from host as other, server_now() as now
    where now <> '' and other.server not in ('', now) and other.seen_at + delivery.lease + :behind > now_us())
returning *;

-- name: reclaim
-- Gives an attempt back to the host that has it, after a failover to a server that does not know that: it is offered,
-- or not even recorded, although its run is.
insert into delivery (run_id, number, step, item, needs, state, lease, offered_at, host, process, boot_id, held_at,
                      lease_until)
select :run_id, :number, :step, :item, :needs, 'held', :lease, now_us(), :host, :process, :boot_id, now_us(),
       now_us() + :lease
where exists (select 1 from run where id = :run_id)
on conflict (run_id, number, step, item) do update
set state = 'held', host = excluded.host, process = excluded.process, boot_id = excluded.boot_id,
    held_at = excluded.held_at, lease_until = excluded.lease_until, started_at = null
where delivery.state = 'offered'
returning *;

-- name: renew
-- Renews the leases of all that a host has.
update delivery set lease_until = now_us() + lease, process = :process
where host = :host and boot_id = :boot_id and state = 'held'
returning *;

-- name: of_other_boots
-- What a host had taken before it was restarted.
select * from delivery where host = :host and boot_id <> :boot_id and state = 'held';

-- name: ended_by
-- What has ended on a host.
select * from delivery where host = :host and state = 'ended' and ended_at > now_us() - :within
order by ended_at desc limit :limit;

-- name: begin
-- Notes that the command of an attempt is executed.
update delivery set started_at = :started_at
where run_id = :run_id and number = :number and step = :step and item = :item
  and host = :host and state = 'held' and started_at is null
returning run_id;

-- name: give_back
-- Offers an attempt again that was never executed.
update delivery
set state = 'offered', host = '', process = '', boot_id = '', held_at = null, lease_until = null, offered_at = now_us()
where run_id = :run_id and number = :number and step = :step and item = :item
  and host = :host and state = 'held' and started_at is null
returning run_id;

-- name: report
-- Records the end of an attempt that its host still has.
update delivery set state = 'ended', outcome = :outcome, ended_at = now_us()
where run_id = :run_id and number = :number and step = :step and item = :item and host = :host and state = 'held'
returning run_id;

-- name: report_late
-- Records an end that came after the attempt was taken for lost.
update delivery set late = :outcome
where run_id = :run_id and number = :number and step = :step and item = :item and host = :host and state = 'ended'
returning run_id;
