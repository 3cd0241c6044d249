-- A notification is owed; the same one twice is one.
insert into outbox (id, at, event, channel, job, run_id, body, next_try_at)
values (:id, :at, :event, :channel, :job, :run_id, :body, :at)
on conflict (id) do nothing
