-- The execution of an attempt is proven.
update attempt set state = 'running', started_at = :started_at
where run_seq = (select seq from run where id = :run_id) and number = :number and state = 'starting'
