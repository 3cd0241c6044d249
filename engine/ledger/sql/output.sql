-- Outputs: what the newest attempt of each step gave.

-- name: drop_outputs
-- The outputs of an earlier attempt do not count any more.
delete from output where run_seq = (select seq from run where id = :run_id) and step = :step and item = :item;

-- name: add_output
-- One output, as JSON.
insert into output (run_seq, step, item, name, value)
select seq, :step, :item, :name, :value from run where id = :run_id;

-- name: outputs
-- The outputs of a run.
select o.*, r.id as run_id from output o join run r on r.seq = o.run_seq where r.id = :run_id
order by o.step, o.item, o.name;
