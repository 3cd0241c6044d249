-- A set of files is refused; the last good generation goes on.
insert into rejection (rejected_at, last_at, digest, diagnostics) values (:now, :now, :digest, :diagnostics)
