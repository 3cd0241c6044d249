-- Notifications that nobody has delivered.
select count(*) as count, min(at) as oldest from outbox where sent_at is null
