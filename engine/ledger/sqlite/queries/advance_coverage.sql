-- Every occurrence up to here is accounted for.
update schedule set covered_until = :covered_until where id = :id and covered_until < :covered_until
