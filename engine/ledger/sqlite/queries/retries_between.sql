-- Runs wanted in a window that a person asked for to make up for another.
select * from run indexed by run_retry_of
where retry_of is not null and scheduled_for >= :since and scheduled_for < :until
order by seq
