-- The gap record of the same kind that ends last before an instant, among those that stand for pruned runs.
select g.*, s.rule from gap g join schedule s on s.id = g.schedule_id
where g.schedule_id = :schedule_id and g.last_at < :at and g.pruned_at is not null
order by g.last_at desc limit 1
