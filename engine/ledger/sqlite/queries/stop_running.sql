-- Ask a running run to end; asked again, harder.
update run set state = 'cancelling', stop_requested = :how, reason = :reason, detail = :detail
where id = :id and state in ('running', 'cancelling') and stop_requested <> 'kill'
