-- How far the ledger has accounted for time.
select max(covered_until) from schedule
