-- How an attempt ended.
update attempt set state = :state, started_at = coalesce(:started_at, started_at), ended_at = :ended_at,
                   exit_code = :exit_code, signal = :signal, reason = :reason, detail = :detail,
                   output_bytes = :output_bytes, output_dropped = :output_dropped,
                   leftover_processes = :leftover_processes, max_rss_kb = :max_rss_kb, cpu_seconds = :cpu_seconds
where run_seq = (select seq from run where id = :run_id) and number = :number and state in ('starting', 'running')
