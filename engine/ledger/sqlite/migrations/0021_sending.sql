-- The sending of notifications. Before a message is sent, its rows are marked with its id, so that it
-- has the same id and content when it is sent again. `done` names the destinations that have it already; a notification
-- that could not be delivered for too long is given up.
alter table outbox add column message text not null default '';
alter table outbox add column done text not null default '';
alter table outbox add column given_up_at integer;

drop index outbox_owed;
create index outbox_owed on outbox (channel, at, id) where sent_at is null and given_up_at is null;
create index outbox_message on outbox (message) where message <> '';
create index outbox_told on outbox (channel, sent_at) where sent_at is not null;
create index outbox_run on outbox (run_id) where run_id <> '';
create index outbox_given_up on outbox (given_up_at) where given_up_at is not null;
create index outbox_failed on outbox (next_try_at) where sent_at is null and last_error <> '';
