-- The second wall between organizations. Requests run as the role `ocore_tenant`, which owns nothing and bypasses
-- nothing: it sees the rows of the organization that its transaction names, within the limits the transaction names.
-- Both are set for the transaction only, so that it works behind a pooler. Migrations and the worker run as the owner.
do $$
begin
    if not exists (select from pg_roles where rolname = 'ocore_tenant') then
        create role ocore_tenant nologin nosuperuser nobypassrls;
    end if;
exception when duplicate_object or unique_violation then
    -- Another database of the same PostgreSQL was quicker.
    null;
end $$;

do $$
begin
    -- A superuser is a member of every role.
    if not pg_has_role(current_user, 'ocore_tenant', 'member') then
        execute format('grant ocore_tenant to %I', current_user);
    end if;
end $$;

create function ocore_organization() returns uuid language sql stable parallel safe as
$$ select nullif(current_setting('ocore.organization', true), '')::uuid $$;

-- A limit that is not set is null.
create function ocore_limit(kind text) returns text[] language sql stable parallel safe as
$$ select nullif(current_setting('ocore.' || kind, true), '')::text[] $$;

create function ocore_is_limited() returns boolean language sql stable parallel safe as
$$ select coalesce(current_setting('ocore.servers', true), '') <> ''
       or coalesce(current_setting('ocore.instances', true), '') <> ''
       or coalesce(current_setting('ocore.environments', true), '') <> '' $$;

grant usage on schema public to ocore_tenant;

-- Every table is closed first; what has no policy below is not for requests.
do $$
declare of_ours record;
begin
    for of_ours in select format('%I.%I', schemaname, tablename) as name from pg_tables
                   where schemaname = current_schema() and tablename <> '_sqlx_migrations' loop
        execute 'alter table ' || of_ours.name || ' enable row level security';
    end loop;
end $$;

grant select (id, name, slug, created_at, logo_url, updated_at, revision, deactivated_at, deleted_at,
    audit_retention_days, bulk_batch_size, require_passkey), update (name, slug, logo_url, updated_at, revision,
    audit_retention_days, bulk_batch_size, require_passkey) on organizations to ocore_tenant;
create policy tenant on organizations to ocore_tenant using (id = (select ocore_organization()));

-- What opens a server can be written and never be read here.
grant select (id, organization_id, name, description, host, port, ssh_user, auth_method, host_key, max_ssh_sessions,
    docker_socket, status, status_message, facts, last_boot_at, last_seen_at, created_at, updated_at, revision),
    insert, update on servers to ocore_tenant;
create policy tenant on servers to ocore_tenant using (
    organization_id = (select ocore_organization())
    and ((select ocore_limit('servers')) is null or id::text = any ((select ocore_limit('servers'))::text[]))
    and ((select ocore_limit('instances')) is null
         or exists (select from instances i where i.server_id = servers.id)));

grant select, insert, update on instances to ocore_tenant;
revoke select on instances from ocore_tenant;
grant select (id, organization_id, server_id, name, slug, odoo_version, odoo_edition, environment_type, status,
    status_message, settings, env_names, env_values_sealed, http_port, longpolling_port, health, health_detail,
    container_state, http_ok, database_ok, restart_count, observed_at, last_seen_at, last_restart_at, created_at,
    updated_at, revision) on instances to ocore_tenant;
create policy tenant on instances to ocore_tenant using (
    organization_id = (select ocore_organization())
    and ((select ocore_limit('servers')) is null or server_id::text = any ((select ocore_limit('servers'))::text[]))
    and ((select ocore_limit('instances')) is null or id::text = any ((select ocore_limit('instances'))::text[]))
    and ((select ocore_limit('environments')) is null
         or environment_type = any ((select ocore_limit('environments'))::text[])));

grant select, insert, update on operations to ocore_tenant;
create policy tenant on operations to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (subject_kind = 'instance' and exists (select from instances i where i.id = subject_id))
         or (subject_kind = 'server' and exists (select from servers s where s.id = subject_id))));
-- What an operation waits for is shown, which the leases tell.
grant select on operation_leases to ocore_tenant;
create policy everybody on operation_leases for select to ocore_tenant using (true);
grant select, insert on operation_steps to ocore_tenant;
create policy tenant on operation_steps to ocore_tenant
    using (exists (select from operations o where o.id = operation_id));
grant select on operation_events to ocore_tenant;
create policy tenant on operation_events to ocore_tenant
    using (exists (select from operations o where o.id = operation_id));

grant select on final_dumps to ocore_tenant;
create policy tenant on final_dumps to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or exists (select from instances i where i.id = instance_id)));

grant select, insert on activity to ocore_tenant;
create policy tenant on activity to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (subject_kind = 'instance' and exists (select from instances i where i.id = subject_id))
         or (subject_kind = 'server' and exists (select from servers s where s.id = subject_id))));

grant select, insert, update, delete on roles, members, invitations, invite_links to ocore_tenant;
create policy tenant on roles to ocore_tenant using (organization_id = (select ocore_organization()));
create policy tenant on members to ocore_tenant using (organization_id = (select ocore_organization()));
create policy tenant on invitations to ocore_tenant using (organization_id = (select ocore_organization()));
create policy tenant on invite_links to ocore_tenant using (organization_id = (select ocore_organization()));

grant select, insert, update on api_keys to ocore_tenant;
create policy tenant on api_keys to ocore_tenant
    using (organization_id = (select ocore_organization()))
    -- Nobody makes an administrator of the installation from within an organization.
    with check (organization_id = (select ocore_organization()) and not is_server_admin);

-- Of people, the name and address of members.
grant select (id, email, name, email_verified_at, last_login_at, created_at, deactivated_at) on users to ocore_tenant;
create policy members on users for select to ocore_tenant
    using (exists (select from members m where m.user_id = users.id));

grant select on audit_log, audit_chains to ocore_tenant;
create policy tenant on audit_log for select to ocore_tenant using (organization_id = (select ocore_organization()));
create policy tenant on audit_chains for select to ocore_tenant
    using (organization_id = (select ocore_organization()));

-- The memory promised on a server counts instances that the asker may not see.
create function ocore_promised_memory(server uuid, without uuid) returns bigint
    language sql stable security definer set search_path = public, pg_temp as
$$ select coalesce(sum((settings ->> 'memoryLimitBytes')::numeric), 0)::bigint from instances
   where server_id = server and status <> 'removed' and (without is null or id <> without) $$;

-- The only way to write the record. The caller may write to its own chain only; nobody may change what is written.
-- Chains are compared so that their index serves the one without organization too.
create function ocore_audit(organization uuid, entry json) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    chain record;
    digest bytea;
begin
    -- The caller's own role is not `current_user` in here, but the setting still tells. Who left the walls of an
    -- organization in this transaction is held to it too.
    if organization is distinct from ocore_organization()
        and (current_setting('role') = 'ocore_tenant' or ocore_organization() is not null)
        or organization is null and current_setting('role') = 'ocore_tenant' then
        raise insufficient_privilege using message = 'the record of another organization';
    end if;
    insert into audit_chains (organization_id, seq, hash) values (organization, 0, '') on conflict do nothing;
    select c.seq + 1 as seq, c.hash into chain from audit_chains c
        where c.organization_id = organization or (organization is null and c.organization_id is null) for update;
    digest := sha256(chain.hash || convert_to(chain.seq::text || ':' || entry::text, 'UTF8'));
    insert into audit_log (organization_id, seq, previous, hash, entry)
        values (organization, chain.seq, chain.hash, digest, entry);
    update audit_chains c set seq = chain.seq, hash = digest
        where c.organization_id = organization or (organization is null and c.organization_id is null);
    return chain.seq;
end $$;

-- Takes away what is older than an organization wants it kept, at most so many entries at once, from the beginning of
-- the chain only: an old entry behind a younger one (clocks are not perfect) waits for that one.
create function ocore_audit_prune(organization uuid, before timestamptz, at_most integer) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $$
declare
    chain record;
    old record;
    last record;
    gone bigint := 0;
begin
    select c.first_seq into chain from audit_chains c
        where c.organization_id = organization or (organization is null and c.organization_id is null) for update;
    if not found then return 0; end if;
    for old in
        select l.seq, l.previous, l.hash, l.entry, l.at from audit_log l
        where (l.organization_id = organization or (organization is null and l.organization_id is null))
            and l.seq >= chain.first_seq
        order by l.organization_id, l.seq limit at_most
    loop
        exit when old.at >= before;
        -- What is broken stays: to take it away would hide that it is.
        exit when old.seq <> chain.first_seq + gone
            or old.hash <> sha256(old.previous || convert_to(old.seq::text || ':' || old.entry::text, 'UTF8'));
        last := old;
        gone := gone + 1;
    end loop;
    if gone = 0 then return 0; end if;
    perform set_config('ocore.audit_pruning', 'on', true);
    delete from audit_log l
        where (l.organization_id = organization or (organization is null and l.organization_id is null))
            and l.seq between chain.first_seq and last.seq;
    perform set_config('ocore.audit_pruning', '', true);
    update audit_chains c set first_seq = last.seq + 1, first_previous = last.hash
        where c.organization_id = organization or (organization is null and c.organization_id is null);
    return gone;
end $$;

revoke execute on function ocore_audit_prune(uuid, timestamptz, integer) from public;
revoke execute on function ocore_audit(uuid, json) from public;
grant execute on function ocore_audit(uuid, json) to ocore_tenant;

create function ocore_audit_is_kept() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' and current_setting('ocore.audit_pruning', true) = 'on' then
        return old;
    end if;
    raise insufficient_privilege using message = 'the record of who did what is not changed';
end $$;

create trigger audit_log_is_kept before update or delete on audit_log
    for each row execute function ocore_audit_is_kept();
create trigger audit_log_is_not_emptied before truncate on audit_log
    for each statement execute function ocore_audit_is_kept();

-- Roles of the organizations there are.
insert into roles (id, organization_id, name, description, is_system, is_owner, permissions)
select gen_random_uuid(), o.id, r.name, r.description, true, r.name = 'Owner', r.permissions
from organizations o cross join (values
    ('Owner', 'Everything, and alone may delete the organization or hand it over.',
     array['manage:organization', 'manage:members', 'manage:roles', 'manage:api_keys', 'manage:audit_logs',
           'manage:servers', 'manage:instances', 'manage:operations', 'manage:backups', 'manage:monitoring']),
    ('Admin', 'Servers, instances, members, roles, keys and settings.',
     array['manage:organization', 'manage:members', 'manage:roles', 'manage:api_keys', 'manage:audit_logs',
           'manage:servers', 'manage:instances', 'manage:operations', 'manage:backups', 'manage:monitoring']),
    ('Developer', 'Instances, their operations and backups; looks at servers.',
     array['manage:instances', 'manage:operations', 'manage:backups', 'view:organization', 'view:members',
           'view:roles', 'view:servers', 'view:monitoring']),
    ('Viewer', 'Looks at servers, instances and what was observed; changes nothing.',
     array['view:organization', 'view:members', 'view:roles', 'view:servers', 'view:instances', 'view:operations',
           'view:backups', 'view:monitoring'])
) as r (name, description, permissions);
