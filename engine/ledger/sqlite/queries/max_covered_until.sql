-- How far the ledger has accounted for time.
select max(covered_until) from schedule where covered_until <= 221845392000000000
