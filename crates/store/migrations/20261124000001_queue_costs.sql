-- What a claim and an end write, made less. An operation that is claimed keeps its place in every index (PostgreSQL
-- then changes its row in place), and leases no longer look up the operation they were just taken from.
drop index operations_available;
drop index operations_held;
create index operations_open on operations (priority, run_at, id) where finished_at is null;
-- Room for the changed row on the page of the old one.
alter table operations set (fillfactor = 70);

-- Whoever deletes an operation has ended it before, and with its end its lease goes.
alter table operation_leases drop constraint operation_leases_operation_id_fkey;
