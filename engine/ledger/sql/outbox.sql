-- Notifications to send.

-- name: add_owed
-- Record a notification to send. A second one with the same id changes nothing. `body` has the facts that its
-- message is made of.
insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)
values (:id, :at, :event, :channel, :job, :run_id, :facts, :at)
on conflict (id) do nothing;

-- name: owed
-- Notifications to try now. For each job and channel only the oldest unsent one, which keeps their order.
select * from outbox as one
where one.sent_at is null and one.next_try_at <= :now
  and not exists (select 1 from outbox as older where older.sent_at is null and older.job = one.job
                    and older.channel = one.channel and (older.at, older.id) < (one.at, one.id))
order by one.at, one.id limit :limit;

-- name: mark_sent
-- A notification was delivered.
update outbox set sent_at = :now, tries = tries + 1, last_error = '' where id = :id and sent_at is null;

-- name: mark_unsent
-- A notification could not be delivered and is retried later.
update outbox set tries = tries + 1, last_error = :error, next_try_at = :next_try_at where id = :id and sent_at is null;

-- name: drop_sent
-- Delete notifications that were delivered before an instant.
delete from outbox where sent_at < :before;

-- name: backlog
-- The undelivered notifications: their number, and the time of the oldest.
select count(*) as count, min(at) as oldest from outbox where sent_at is null;
