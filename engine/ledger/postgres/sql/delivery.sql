-- Which attempt is offered to hosts, held by one, or over. What a host writes is in functions, which check that it is one of
-- the user's hosts: migrations/0003_rights.sql.

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
-- The number of ended attempts that a leader should have deleted: their run was deleted long ago.
select count(*) as number from delivery
where state = 'ended' and run_gone_at < now_us() - :after and not exists (select 1 from run where run.id = delivery.run_id);

-- name: withdraw
-- Ends an attempt that no host has taken.
update delivery set state = 'ended', outcome = :outcome, ended_at = now_us()
where run_id = :run_id and number = :number and step = :step and item = :item and state = 'offered'
returning run_id;

-- name: silent
-- Leases that are over, if the server and the leader have been up for long enough to notice a renewal.
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

-- name: looked_at
-- The last of the next runs to check: the leader checks all deliveries in turn, in the order of their runs, because reading
-- all of them at once takes longer the more there are.
select max(run_id) as last, count(*) as number
from (select run_id from delivery where run_id > :past order by run_id limit :limit) as next;

-- name: note_deleted
-- Notes which runs are deleted, from one run to another: their deliveries stay for a while, because hosts ask for them.
update delivery set run_gone_at = now_us()
where run_id > :past and run_id <= :last and state = 'ended' and run_gone_at is null
  and not exists (select 1 from run where run.id = delivery.run_id)
returning run_id;

-- name: forget
-- Deletes deliveries whose run has been deleted for long enough, from one run to another.
delete from delivery
where run_id > :past and run_id <= :last and state = 'ended' and run_gone_at < now_us() - :after
returning run_id;

-- name: take
-- Gives an offered attempt to a host: to one only, and not to one that is draining. The host itself learns that it is
-- draining only at its next heartbeat.
select * from worker_take(:run_id, :number, :step, :item, :host, :process, :boot_id, :behind);

-- name: reclaim
-- Gives an attempt back to the host that has it, after a failover to a server that does not know that: it is offered,
-- or not even recorded, although its run is.
select * from worker_reclaim(:run_id, :number, :step, :item, :needs, :lease, :host, :process, :boot_id);

-- name: renew
-- Renews the leases of all attempts that a host has.
select * from worker_renew(:host, :process, :boot_id);

-- name: of_other_boots
-- What a host had taken before it was restarted.
select * from delivery where host = :host and boot_id <> :boot_id and state = 'held';

-- name: ended_by
-- What has ended on a host.
select * from delivery where host = :host and state = 'ended' and ended_at > now_us() - :within
order by ended_at desc limit :limit;

-- name: begin
-- Notes that the command of an attempt is executed.
select * from worker_begin(:run_id, :number, :step, :item, :host, :started_at) as run_id;

-- name: give_back
-- Offers an attempt again, if it was never executed.
select * from worker_give_back(:run_id, :number, :step, :item, :host) as run_id;

-- name: report
-- Records the end of an attempt that its host still has.
select * from worker_report(:run_id, :number, :step, :item, :host, :outcome) as run_id;

-- name: report_late
-- Records an end that came after the attempt was recorded as lost.
select * from worker_report_late(:run_id, :number, :step, :item, :host, :outcome) as run_id;
