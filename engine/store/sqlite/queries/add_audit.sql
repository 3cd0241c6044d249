-- Who changed what.
insert into audit (at, actor, action, object, detail) values (:at, :actor, :action, :object, :detail)
