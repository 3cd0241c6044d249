-- Runs that are not over, oldest first.
select * from run where state in ('queued', 'running', 'cancelling', 'retry_wait') order by seq
