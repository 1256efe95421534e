-- An organization is deleted with all it has by an operation, which begins others: one for each instance and server.
alter table operations add column part_of uuid references operations;
create index operations_part_of on operations (part_of) where part_of is not null;

-- While it is at work, nothing new is made in the organization.
alter table organizations add column deletion_operation_id uuid references operations;
grant select (deletion_operation_id) on organizations to ocore_tenant;

-- The lock is the one that a reference takes anyway; whoever deletes, or begins to, waits for it.
create or replace function ocore_organization_lives() returns trigger language plpgsql as $$
declare deletion uuid;
begin
    select o.deletion_operation_id into deletion from organizations o
        where o.id = new.organization_id and o.deleted_at is null for key share;
    if not found then
        raise insufficient_privilege using message = 'the organization is not there';
    end if;
    if deletion is not null then
        raise check_violation using message = 'the organization is being deleted',
            constraint = 'organizations_being_deleted';
    end if;
    return new;
end $$;

create trigger instances_organization_lives before insert on instances
    for each row execute function ocore_organization_lives();
create trigger roles_organization_lives before insert on roles
    for each row execute function ocore_organization_lives();

-- Lists in other orders than by name. What an organization has few of is sorted as it is read.
drop index operations_organization;
create index operations_organization on operations (organization_id, created_at desc, id desc);
create index servers_created on servers (organization_id, created_at, id) where status <> 'removed';
create index instances_created on instances (organization_id, created_at, id) where status <> 'removed';
drop index api_keys_organization;
create index api_keys_organization on api_keys (organization_id, created_at desc, id desc);
create index api_keys_created on api_keys (created_at, id) where revoked_at is null;
create index users_name on users (lower(name), id);
create index users_created on users (created_at, id);
create index organizations_name on organizations (lower(name), id) where deleted_at is null;
create index organizations_created on organizations (created_at, id) where deleted_at is null;
