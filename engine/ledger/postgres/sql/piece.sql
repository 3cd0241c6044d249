-- The output of attempts, and the small files that they kept, in the pieces that their hosts have sent.

-- name: append
-- Stores pieces that a host sends: only of attempts that it has or had, and of runs that are still there.
-- An engine without hosts has an empty name, and all attempts that were never offered to hosts.
-- A stored piece with as many bytes stays: its bytes are the same.
select * from worker_append(
  :host, cast(:run_ids as text[]), cast(:numbers as bigint[]), cast(:steps as text[]), cast(:items as bigint[]),
  cast(:copies as bigint[]), cast(:seqs as bigint[]), cast(:sizes as bigint[]), cast(:packed as bytea[])
) as seq;

-- name: sent
-- The newest piece of an output or a copy.
select seq, size from output_chunk
where run_id = :run_id and number = :number and step = :step and item = :item and copy = :copy
order by seq desc limit 1;

-- name: read
-- The pieces from a byte on.
select seq, packed from output_chunk
where run_id = :run_id and number = :number and step = :step and item = :item and copy = :copy
  and seq >= :seq and (seq > :seq or size > :size)
order by seq limit :limit;

-- name: stored_bytes
-- How many bytes of an attempt's output are stored.
select cast(coalesce(sum(size), 0) as bigint) as bytes from output_chunk
where run_id = :run_id and number = :number and step = :step and item = :item and copy = 0;

-- name: lengths
-- The pieces of an attempt's output, with their sizes.
select seq, size from output_chunk
where run_id = :run_id and number = :number and step = :step and item = :item and copy = 0
order by seq;

-- name: drop_passed
-- Deletes pieces of an output that its host has dropped.
select * from worker_drop_passed(:host, :run_id, :number, :step, :item, :first, :before) as seq;

-- name: drop
-- Deletes the copies of a run's artifacts, or all of its pieces.
delete from output_chunk where run_id = :run_id and copy >= :first
returning octet_length(packed) as bytes;

-- name: total_bytes
-- The bytes of all pieces: their lengths are known without reading them.
select cast(coalesce(sum(octet_length(packed)), 0) as bigint) as bytes from output_chunk;
