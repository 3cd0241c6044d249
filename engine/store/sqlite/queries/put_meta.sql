-- Write a fact about the ledger, once.
insert into meta (key, value) values (:key, :value) on conflict (key) do nothing
