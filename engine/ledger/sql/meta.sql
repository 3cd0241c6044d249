-- Facts about the ledger itself, by key.

-- name: get_meta
-- One fact.
select value from meta where key = :key;

-- name: set_meta
-- Write a fact, in place of an earlier one.
insert into meta (key, value) values (:key, :value) on conflict (key) do update set value = excluded.value;
