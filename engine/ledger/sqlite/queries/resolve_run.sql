-- A lost run is resolved, once, unless another attempt has started since.
update run set resolved = :resolved, exit_code = :exit_code, ended_at = :ended_at
where id = :run_id and attempt = :number and state = 'lost' and resolved = ''
