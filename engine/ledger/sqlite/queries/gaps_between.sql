-- Gap records that touch a window; of one job or of all.
select g.*, s.rule from gap g join schedule s on s.id = g.schedule_id
where (:job is null or g.job = :job) and g.first_at <= :until and g.last_at >= :since
order by g.first_at
