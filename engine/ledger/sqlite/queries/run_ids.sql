-- Every run's id in order.
select id from run order by id
