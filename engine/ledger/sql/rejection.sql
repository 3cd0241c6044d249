-- Rejected sets of files.

-- name: add_rejection
-- Reject a set of files. The last valid generation stays in force.
insert into rejection (rejected_at, last_at, digest, diagnostics) values (:now, :now, :digest, :diagnostics);

-- name: resolve_rejections
-- The files are good again.
update rejection set resolved_at = :now where resolved_at is null;

-- name: open_rejection
-- The open rejection.
select * from rejection where resolved_at is null order by id desc limit 1;

-- name: rejections_between
-- Rejections that were open at some time in a window.
select * from rejection where rejected_at <= :until and coalesce(resolved_at, :until) >= :since order by id;
