-- The runs of a set of occurrences in the order of their instants.
select scheduled_for, id from run
where job = :job and schedule_key = :schedule_key and clock_epoch = :clock_epoch
order by scheduled_for, id
