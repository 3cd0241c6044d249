-- How much the ledger holds.
select (select count(*) from run) as runs, (select count(*) from attempt) as attempts,
       (select count(*) from schedule) as schedules, (select count(*) from gap) as gaps
