-- A notification was delivered.
update outbox set sent_at = :now, tries = tries + 1, last_error = '' where id = :id and sent_at is null
