-- What people did about an object.
select * from audit where object = :object order by seq
