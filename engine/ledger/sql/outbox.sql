-- Notifications that are owed.

-- name: add_owed
-- A notification is owed; the same one twice is one. `body` has the facts that its message is made of.
insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)
values (:id, :at, :event, :channel, :job, :run_id, :facts, :at)
on conflict (id) do nothing;

-- name: owed
-- Notifications that are owed and may be tried now: of each job and channel only the oldest, so that order is kept.
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
-- Notifications that were delivered long ago.
delete from outbox where sent_at < :before;

-- name: backlog
-- Notifications that nobody has delivered.
select count(*) as count, min(at) as oldest from outbox where sent_at is null;
