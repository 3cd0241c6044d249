-- A run that waits waits until another instant: the clock that named the first was wrong.
update run set not_before = case state when 'queued' then :at else not_before end,
               retry_at = case state when 'retry_wait' then :at else retry_at end
where id = :id and attempt = :attempt and state in ('queued', 'retry_wait')
