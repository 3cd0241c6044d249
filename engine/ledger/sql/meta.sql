-- Facts about the ledger itself.

-- name: get_meta
-- One fact about the ledger itself.
select value from meta where key = :key;

-- name: set_meta
-- Change a fact about the ledger.
insert into meta (key, value) values (:key, :value) on conflict (key) do update set value = excluded.value;
