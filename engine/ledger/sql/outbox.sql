-- Notifications to send. One that is neither sent nor given up is undelivered.

-- name: add_owed
-- Record a notification to send. A second one with the same id changes nothing. `body` has the facts that its
-- message is made of.
insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)
values (:id, :at, :event, :channel, :job, :run_id, :facts, :at)
on conflict (id) do nothing;

-- name: channels
-- The channels with undelivered notifications.
select distinct channel from outbox where sent_at is null and given_up_at is null order by channel;

-- name: pending
-- The undelivered notifications of a channel that belong to no message yet, oldest first; of each job only the oldest,
-- so that a job with many does not hide the others.
select * from (
  select outbox.*, row_number() over (partition by job order by at, id) as place from outbox
  where channel = :channel and sent_at is null and given_up_at is null and message = '') as found
where place <= :of_each order by at, id limit :limit;

-- name: assign
-- The notifications of a job to a channel, up to an instant, belong to a message from now on.
update outbox set message = :message
where channel = :channel and job = :job and at <= :upto and message = '' and sent_at is null and given_up_at is null;

-- name: messages
-- The undelivered messages of a channel, with the jobs of each, oldest first.
select message, job, min(at) as at, max(tries) as tries, max(next_try_at) as next_try_at, max(done) as done
from outbox where channel = :channel and sent_at is null and given_up_at is null and message <> ''
group by message, job order by min(at), message, job;

-- name: of_message
-- The notifications of a message, oldest first.
select * from outbox where message = :message and message <> '' order by at, id limit :limit;

-- name: count_of_message
-- The number of notifications of a message.
select count(*) from outbox where message = :message and message <> '';

-- name: told
-- What each job told a channel last, since an instant.
select job, event, max(sent_at) as sent_at from outbox
where channel = :channel and sent_at >= :since group by job, event order by max(sent_at), max(at), job, event;

-- name: mark_sent
-- A message was delivered, or a notification that belongs to no message.
update outbox set sent_at = :now, tries = tries + 1, last_error = ''
where ((message = :id and message <> '') or (id = :id and message = '')) and sent_at is null;

-- name: mark_unsent
-- A message, or a notification that belongs to no message, could not be delivered and is retried later.
update outbox set tries = tries + 1, last_error = :error, next_try_at = :next_try_at, done = :done
where ((message = :id and message <> '') or (id = :id and message = '')) and sent_at is null;

-- name: mark_given_up
-- A message could not be delivered for too long and is not retried.
update outbox set tries = tries + 1, last_error = :error, given_up_at = :now, done = :done
where ((message = :id and message <> '') or (id = :id and message = '')) and sent_at is null and given_up_at is null;

-- name: drop_sent
-- Delete notifications that were delivered, or given up, before an instant.
delete from outbox where sent_at < :before or given_up_at < :before;

-- name: backlog
-- The undelivered notifications: their number, and the time of the oldest.
select count(*) as count, min(at) as oldest from outbox where sent_at is null and given_up_at is null;

-- name: given_up
-- The notifications that were given up: their number, and when the newest was.
select count(*) as count, max(given_up_at) as newest from outbox where given_up_at is not null;

-- name: last_error
-- The newest error of an undelivered notification, with its channel.
select channel, last_error from outbox
where sent_at is null and last_error <> '' order by coalesce(given_up_at, next_try_at) desc, id limit 1;

-- name: of_run
-- The notifications about a run, oldest first.
select * from outbox where run_id = :run_id and run_id <> '' order by at, event, channel, id;

-- name: undelivered
-- The notifications that wait or were given up, newest first.
select * from outbox where sent_at is null order by at desc, id limit :limit;
