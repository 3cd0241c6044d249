-- The generation that a plan made.
select number from generation where plan_id = :plan_id
