-- One generation by number.
select * from generation where number = :number
