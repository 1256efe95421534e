-- Which claim holds an operation. Every write of a worker names it, so that one which was given up, or whose claim was
-- forgotten in a crash of PostgreSQL before it reached the disk, misses.
alter table operations add column claim_token uuid;
