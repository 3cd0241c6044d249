-- One fact about the ledger itself.
select value from meta where key = :key
