-- The end of a lost attempt was found after all.
update attempt set resolved = :resolved, exit_code = :exit_code, signal = :signal, detail = :detail,
                   output_bytes = :output_bytes, output_dropped = :output_dropped
where run_seq = (select seq from run where id = :run_id) and number = :number and state = 'lost' and resolved = ''
