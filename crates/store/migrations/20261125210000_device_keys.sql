-- A key that a device got in somebody's name ends with what it comes from: their membership, or their account.
-- The table's grants to ocore_tenant reach its columns, this one too.
alter table api_keys add column for_user uuid references users on delete cascade;
create index api_keys_for_user on api_keys (for_user) where for_user is not null;
