-- Runs whose id starts so; two are enough to know it is not one.
select * from run where id >= :prefix and id < :prefix || 'g' limit 2
