-- Runs and attempts whose state and end contradict each other, or that are resolved and were not lost.
select run_id, job, said, count(*) over () as total from (
  select id as run_id, job, 'it is ' || state || case
           when state not in ('queued', 'running', 'cancelling', 'retry_wait', 'succeeded', 'failed', 'timed_out',
                              'cancelled', 'lost', 'skipped', 'missed') then ', which is no state'
           when resolved <> '' then ' and resolved as ' || resolved
           when ended_at is null then ' and has no end' else ' and has an end' end as said
  from run
  where (state in ('queued', 'running', 'cancelling', 'retry_wait')) <> (ended_at is null)
     or state not in ('queued', 'running', 'cancelling', 'retry_wait', 'succeeded', 'failed', 'timed_out',
                      'cancelled', 'lost', 'skipped', 'missed')
     or (resolved <> '' and (state <> 'lost' or resolved not in ('succeeded', 'failed', 'timed_out', 'cancelled')))
  union all
  select r.id, r.job, 'attempt ' || a.number || ' is ' || a.state
         || case when a.ended_at is null then ' and has no end' else ' and has an end' end
  from attempt a join run r on r.seq = a.run_seq
  where (a.state in ('starting', 'running')) <> (a.ended_at is null)
     or a.state not in ('starting', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'lost', 'not_started')
) order by run_id limit :limit
