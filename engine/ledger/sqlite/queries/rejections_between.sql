-- Refusals that were in force in a window.
select * from rejection where rejected_at <= :until and coalesce(resolved_at, :until) >= :since order by id
