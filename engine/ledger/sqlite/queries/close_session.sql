-- The engine ends in order. What both clocks said then is kept together, as one reading; null: not believed.
update session set last_seen_at = case when :boot_seconds is null then last_seen_at else :now end,
                   boot_seconds = coalesce(:boot_seconds, boot_seconds), ended_at = :now, end_reason = :reason
where epoch = :epoch and ended_at is null
