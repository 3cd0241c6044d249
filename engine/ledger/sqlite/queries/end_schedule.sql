-- A schedule goes out of force; where the clock was set back, not before what is accounted for already.
update schedule set active_until = max(covered_until, :at), ended_because = :because,
                    covered_until = max(covered_until, :at)
where id = :id and active_until is null
