-- Notifications that were delivered long ago.
delete from outbox where sent_at < :before
