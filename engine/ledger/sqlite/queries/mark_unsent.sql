-- A notification could not be delivered and is tried again later.
update outbox set tries = tries + 1, last_error = :error, next_try_at = :next_try_at where id = :id and sent_at is null
