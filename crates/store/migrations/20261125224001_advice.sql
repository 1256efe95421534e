-- How oCore's own processes and their machines do: a row a process every half a minute, kept for as long as a trend needs.
-- They belong to no organization, so requests of organizations see none.
create table process_samples (
    process_id              uuid        not null,
    at                      timestamptz not null default now(),
    host                    text        not null,
    version                 text        not null,
    cpu_cores               integer     not null,
    -- Percent of all cores of the machine, and of one core by the process.
    cpu_usage               real,
    process_cpu             real,
    pressure_cpu            real,
    pressure_memory         real,
    pressure_io             real,
    -- Of the machine, or of the container's limit where there is one.
    ram_total               bigint      not null,
    ram_available           bigint      not null,
    process_memory          bigint      not null,
    -- Processes of the machine killed for want of memory since the sample before.
    oom_kills               integer     not null,
    -- Of the file system with oCore's data.
    storage_total           bigint,
    storage_available       bigint,
    -- The database as a whole, and connections of all its clients.
    database_bytes          bigint,
    connections             integer,
    requests                integer     not null,
    api_p95_ms              real,
    database_p95_ms         real,
    pool_wait_p95_ms        real,
    pool_max                integer     not null,
    ssh_tries               integer     not null,
    -- By server: `{"<id>": 3}`.
    ssh_timeouts            jsonb       not null,
    primary key (process_id, at)
);

create index process_samples_at on process_samples (at);

-- When somebody tried out whether what would be lost can be brought back.
create table recovery_drills (
    id              uuid primary key,
    organization_id uuid        not null references organizations,
    at              timestamptz not null,
    succeeded       boolean     not null,
    note            text        not null,
    recorded_at     timestamptz not null default now()
);

create index recovery_drills_newest on recovery_drills (organization_id, at desc, id desc);

alter table process_samples enable row level security;
alter table recovery_drills enable row level security;
grant select, insert on recovery_drills to ocore_tenant;
-- They are about the whole: a grant limited to a part neither sees nor records one.
create policy tenant on recovery_drills to ocore_tenant
    using (organization_id = (select ocore_organization()) and not (select ocore_is_limited()));

-- An organization may know how often its own servers did not answer, of the samples that it cannot see.
create function ocore_ssh_timeouts(server uuid) returns bigint
    language sql stable security definer set search_path = public, pg_temp as
$$ select coalesce(sum((ssh_timeouts ->> server::text)::bigint), 0)::bigint from process_samples
   where at >= now() - interval '1 hour' and ssh_timeouts ? server::text
     and (current_setting('role') <> 'ocore_tenant'
          or exists (select from servers s where s.id = server and s.organization_id = ocore_organization())) $$;
