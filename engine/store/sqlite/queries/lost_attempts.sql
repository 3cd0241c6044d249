-- Attempts whose end nobody saw, not too long ago.
select * from attempt where state = 'lost' and resolved = '' and ended_at > :since order by ended_at limit :limit
