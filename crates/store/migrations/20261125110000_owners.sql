-- An organization has one owner, whatever happens at the same time.
create unique index roles_owner on roles (organization_id) where is_owner;
alter table roles
    add constraint roles_of_organization unique (organization_id, id),
    add constraint roles_of_owner unique (organization_id, id, is_owner);

-- A member is an owner if the role says so: the trigger copies it, and the reference sees to it that it is the same.
alter table members add column is_owner boolean not null default false;
update members m set is_owner = r.is_owner from roles r where r.id = m.role_id;
alter table members
    add constraint members_role_is_ours foreign key (organization_id, role_id, is_owner)
        references roles (organization_id, id, is_owner),
    add constraint members_owner_is_whole check (not is_owner or scope is null);
create unique index members_owner on members (organization_id) where is_owner;

create function ocore_member_is_owner() returns trigger language plpgsql as $$
begin
    new.is_owner := coalesce((select r.is_owner from roles r where r.id = new.role_id), false);
    return new;
end $$;

create trigger members_is_owner before insert or update of role_id, is_owner on members
    for each row execute function ocore_member_is_owner();

create function ocore_owner_stays() returns trigger language plpgsql as $$
begin
    if not exists (select from members m where m.organization_id = old.organization_id and m.is_owner)
       and exists (select from organizations o where o.id = old.organization_id and o.deleted_at is null) then
        raise check_violation using message = 'an organization without an owner', constraint = 'members_owner_stays';
    end if;
    return null;
end $$;

-- At the end of the transaction: a transfer takes the role from one before it gives it to the other.
create constraint trigger members_owner_stays after update or delete on members deferrable initially deferred
    for each row when (old.is_owner) execute function ocore_owner_stays();

-- Nothing new in an organization that was just deleted. The lock is the one that a reference takes anyway, and whoever
-- deletes waits for it.
create function ocore_organization_lives() returns trigger language plpgsql as $$
begin
    perform from organizations o where o.id = new.organization_id and o.deleted_at is null for key share;
    if not found then
        raise insufficient_privilege using message = 'the organization is not there';
    end if;
    return new;
end $$;

create trigger servers_organization_lives before insert on servers
    for each row execute function ocore_organization_lives();
create trigger members_organization_lives before insert on members
    for each row execute function ocore_organization_lives();
create trigger invitations_organization_lives before insert on invitations
    for each row execute function ocore_organization_lives();
create trigger invite_links_organization_lives before insert on invite_links
    for each row execute function ocore_organization_lives();
create trigger api_keys_organization_lives before insert on api_keys
    for each row execute function ocore_organization_lives();

-- A role that is deleted is forgotten by invitations that are over; one that is open keeps it.
alter table invitations
    alter column role_id drop not null,
    drop constraint invitations_role_id_fkey,
    add constraint invitations_role_is_ours foreign key (organization_id, role_id)
        references roles (organization_id, id) on delete set null (role_id),
    add constraint invitations_pending_has_role check (status <> 'pending' or role_id is not null);
alter table invite_links
    alter column role_id drop not null,
    drop constraint invite_links_role_id_fkey,
    add constraint invite_links_role_is_ours foreign key (organization_id, role_id)
        references roles (organization_id, id) on delete set null (role_id),
    add constraint invite_links_open_has_role check (revoked_at is not null or role_id is not null);
create index invitations_role on invitations (role_id);
create index invite_links_role on invite_links (role_id);
