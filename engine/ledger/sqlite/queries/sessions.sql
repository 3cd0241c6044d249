-- Every session in the order of its epoch.
select * from session order by epoch
