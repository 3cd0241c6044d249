-- What a wrong clock had named for a time to come does not run under that name.
update run set state = 'missed', reason = 'clock_jump', ended_at = :now
where state = 'queued' and schedule_key is not null and clock_epoch < :clock_epoch and not_before > :now
