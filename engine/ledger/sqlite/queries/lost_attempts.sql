-- Attempts whose end nobody saw, not too long ago.
select a.*, r.id as run_id from attempt a join run r on r.seq = a.run_seq
where a.state = 'lost' and a.resolved = '' and a.ended_at > :since order by a.ended_at limit :limit
