-- Runs of a job that people asked for and retention took away, counted by state.
select state, sum(count) as count from pruned_request
where job = :job and quarter >= :since and quarter < :until and count between 0 and 9007199254740992 group by state
