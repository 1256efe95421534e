-- Where instances are placed: what servers say of themselves, what instances ask for, and instances on their way.
alter table servers
    -- ISO 3166-1, two letters.
    add column country             text check (country ~ '^[A-Z]{2}$'),
    -- A word of the operator's own, compared as it is.
    add column region              text,
    add column labels              jsonb not null default '{}',
    add column taints              jsonb not null default '[]',
    -- Takes instances of this placement group only.
    add column dedicated_to        text,
    -- Production on it stands beside nothing else, and nothing else beside production.
    add column separate_production boolean not null default false,
    -- Takes no new instance since then.
    add column cordoned_at         timestamptz;

alter table organizations
    add column placement_policy text not null default 'spread' check (placement_policy in ('spread', 'pack'));

alter table instances
    -- Whose it is: what servers are dedicated to, and what is kept apart.
    add column placement_group text,
    -- Never on a server with another of its group.
    add column anti_affinity   boolean not null default false,
    -- What it is expected to need on disk, in bytes.
    add column disk_bytes      bigint not null default 2147483648 check (disk_bytes > 0),
    -- Where it is moving to; until the move has ended well or was taken back wholly.
    add column move_target_id  uuid references servers,
    -- Where its old copy lies that is still to be removed.
    add column move_source_id  uuid references servers,
    drop constraint instances_status_check,
    add constraint instances_status_check check (status in ('creating', 'running', 'starting', 'stopping', 'stopped',
        'restarting', 'updating', 'moving', 'failed', 'removing', 'removed'));

create index instances_move_target on instances (move_target_id) where move_target_id is not null;
create index instances_move_source on instances (move_source_id) where move_source_id is not null;

-- An instance that moves has ports on two servers.
alter table port_reservations
    drop constraint port_reservations_instance_id_purpose_key,
    add constraint port_reservations_purpose unique (server_id, instance_id, purpose);

-- What an operation found out that is worth more than a line of its output.
alter table operations add column result jsonb;

grant select (country, region, labels, taints, dedicated_to, separate_production, cordoned_at) on servers to ocore_tenant;
grant select (placement_policy), update (placement_policy) on organizations to ocore_tenant;
grant select (placement_group, anti_affinity, disk_bytes, move_target_id, move_source_id) on instances to ocore_tenant;

-- A server bears what is on it, what comes to it, and what of a moved instance is still to be removed there.
create or replace function ocore_promised_memory(server uuid, without uuid) returns bigint
    language sql stable security definer set search_path = public, pg_temp as
$$ select coalesce(sum((settings ->> 'memoryLimitBytes')::numeric), 0)::bigint from instances
   where server in (server_id, move_target_id, move_source_id) and status <> 'removed'
       and (without is null or id <> without) $$;

-- What is promised on servers, also to instances that the asker may not see: placement counts them all. Only of the
-- asker's own organization, where they name one.
create function ocore_residents(servers uuid[])
    returns table (server_id uuid, instance_id uuid, environment_type text, placement_group text, anti_affinity boolean,
        memory_bytes bigint, cpu_millis integer, workers integer, disk_bytes bigint)
    language sql stable security definer set search_path = public, pg_temp as
$$ select s.id, i.id, i.environment_type, i.placement_group, i.anti_affinity,
       (i.settings ->> 'memoryLimitBytes')::bigint, (i.settings ->> 'cpuLimitMillis')::integer,
       (i.settings ->> 'workers')::integer, i.disk_bytes
   from unnest(servers) as s (id)
   join instances i on s.id in (i.server_id, i.move_target_id, i.move_source_id)
   where i.status <> 'removed' and (ocore_organization() is null or i.organization_id = ocore_organization()) $$;
