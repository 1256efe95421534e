-- Deleting an operation looks for those that retry it: without an index, through the whole table for each.
create index operations_retry_of on operations (retry_of) where retry_of is not null;
