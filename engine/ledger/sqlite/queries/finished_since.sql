-- Runs that were recorded after another and before an instant, in their order.
select * from run where seq > :after and queued_at < :before order by seq limit :limit
