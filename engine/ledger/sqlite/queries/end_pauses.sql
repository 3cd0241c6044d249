-- A job goes on.
update pause set ended_at = :now, ended_by = :ended_by
where job = :job and ended_at is null and (until is null or until > :now)
