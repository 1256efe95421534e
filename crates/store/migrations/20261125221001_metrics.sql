-- What was measured on servers and of instances. Raw samples come every 10 seconds and live for an hour; rollups live
-- longer the coarser they are. Everything is dropped by partition, never deleted row by row. Partitions are made ahead of
-- time by whoever leads. No foreign keys: a write must not lock the server's row, and a removed server's past stays until
-- its partitions go.

-- How long each resolution (seconds) is kept, what its partitions cover, and up to when it was made from the finer one.
create table metric_resolutions (
    resolution   integer primary key,
    keep         interval    not null,
    kept_from    timestamptz,
    kept_until   timestamptz,
    rolled_until timestamptz
);
insert into metric_resolutions (resolution, keep) values
    (10, '1 hour'), (60, '24 hours'), (600, '7 days'), (7200, '30 days');

-- Minutes of servers and instances for which samples came so late that they may have been rolled up without them.
create table metric_late (
    subject_id uuid        not null,
    at         timestamptz not null,
    primary key (subject_id, at)
);

-- A row is told apart by (server, at): what arrives twice changes nothing.
create table server_samples (
    organization_id     uuid        not null,
    server_id           uuid        not null,
    at                  timestamptz not null,
    -- When it arrived.
    received_at         timestamptz not null default now(),
    -- 'agent' or 'ssh'.
    source              text        not null,
    -- Seconds that the amounts below are over.
    interval_seconds    real        not null,
    uptime_seconds      bigint      not null,
    -- Percent of all cores together.
    cpu_usage           real        not null,
    cpu_user            real        not null,
    cpu_system          real        not null,
    cpu_iowait          real        not null,
    cpu_steal           real        not null,
    load_1m             real        not null,
    load_5m             real        not null,
    load_15m            real        not null,
    ram_total           bigint      not null,
    ram_available       bigint      not null,
    swap_total          bigint      not null,
    swap_used           bigint      not null,
    -- Percent of the time in which some task waited.
    pressure_cpu        real,
    pressure_memory     real,
    pressure_io         real,
    -- Of the file system that holds Docker's data.
    disk_total          bigint      not null,
    disk_available      bigint      not null,
    inodes_used_percent real,
    -- Of all disks together; the slowest one's wait.
    disk_read_bytes     bigint,
    disk_written_bytes  bigint,
    disk_await_ms       real,
    disk_utilization    real,
    network_rx_bytes    bigint      not null,
    network_tx_bytes    bigint      not null,
    network_errors      bigint,
    processes           integer,
    blocked_processes   integer,
    oom_kills           integer,
    -- Of the server's PostgreSQL, when it was asked in this sample.
    pg_connections      integer,
    pg_max_connections  integer,
    pg_longest_query    real,
    pg_waiting_locks    integer,
    pg_cache_hits       real,
    pg_databases_bytes  bigint,
    primary key (server_id, at)
) partition by range (at);

create table instance_samples (
    organization_id    uuid        not null,
    instance_id        uuid        not null,
    server_id          uuid        not null,
    at                 timestamptz not null,
    received_at        timestamptz not null default now(),
    interval_seconds   real        not null,
    -- Percent of one core.
    cpu_usage          real        not null,
    memory_bytes       bigint      not null,
    memory_limit_bytes bigint,
    -- Percent of the scheduling periods in which the CPU limit held it back.
    throttled          real        not null,
    oom_kills          integer     not null,
    network_rx_bytes   bigint      not null,
    network_tx_bytes   bigint      not null,
    disk_read_bytes    bigint      not null,
    disk_written_bytes bigint      not null,
    processes          integer,
    -- Of Odoo, when it was asked in this sample.
    workers            integer,
    worker_memory      bigint,
    cron_lag_seconds   real,
    longest_request_ms real,
    requests           integer,
    filestore_bytes    bigint,
    database_bytes     bigint,
    primary key (instance_id, at)
) partition by range (at);

-- Averages over `resolution` seconds from `at` on: 60, 600 or 7200, each sample weighed by the seconds it is over. Amounts
-- (bytes moved, kills, requests, errors) are sums; limits, totals, uptime and what is longest are the greatest; sizes in use
-- are averages. `samples` says how many raw samples stand behind a row.
create table server_rollups (
    resolution          integer     not null,
    organization_id     uuid        not null,
    server_id           uuid        not null,
    at                  timestamptz not null,
    samples             integer     not null,
    -- Seconds that the samples are over, together.
    covered_seconds     real        not null,
    uptime_seconds      bigint      not null,
    cpu_usage           real        not null,
    cpu_usage_max       real        not null,
    cpu_user            real        not null,
    cpu_system          real        not null,
    cpu_iowait          real        not null,
    cpu_steal           real        not null,
    load_1m             real        not null,
    load_5m             real        not null,
    load_15m            real        not null,
    ram_total           bigint      not null,
    ram_available       bigint      not null,
    ram_available_min   bigint      not null,
    swap_total          bigint      not null,
    swap_used           bigint      not null,
    pressure_cpu        real,
    pressure_memory     real,
    pressure_io         real,
    disk_total          bigint      not null,
    disk_available      bigint      not null,
    inodes_used_percent real,
    disk_read_bytes     bigint,
    disk_written_bytes  bigint,
    disk_await_ms       real,
    disk_await_ms_max   real,
    disk_utilization    real,
    network_rx_bytes    bigint      not null,
    network_tx_bytes    bigint      not null,
    network_errors      bigint,
    processes           integer,
    blocked_processes   real,
    oom_kills           integer,
    pg_connections      real,
    pg_connections_max  integer,
    pg_max_connections  integer,
    pg_longest_query    real,
    pg_waiting_locks    real,
    pg_cache_hits       real,
    pg_databases_bytes  bigint,
    primary key (resolution, server_id, at)
) partition by list (resolution);

create table instance_rollups (
    resolution         integer     not null,
    organization_id    uuid        not null,
    instance_id        uuid        not null,
    server_id          uuid        not null,
    at                 timestamptz not null,
    samples            integer     not null,
    covered_seconds    real        not null,
    cpu_usage          real        not null,
    cpu_usage_max      real        not null,
    memory_bytes       bigint      not null,
    memory_bytes_max   bigint      not null,
    memory_limit_bytes bigint,
    throttled          real        not null,
    oom_kills          integer     not null,
    network_rx_bytes   bigint      not null,
    network_tx_bytes   bigint      not null,
    disk_read_bytes    bigint      not null,
    disk_written_bytes bigint      not null,
    processes          integer,
    workers            real,
    worker_memory      bigint,
    cron_lag_seconds   real,
    longest_request_ms real,
    requests           integer,
    filestore_bytes    bigint,
    database_bytes     bigint,
    primary key (resolution, instance_id, at)
) partition by list (resolution);

create table server_rollups_60 partition of server_rollups for values in (60) partition by range (at);
create table server_rollups_600 partition of server_rollups for values in (600) partition by range (at);
create table server_rollups_7200 partition of server_rollups for values in (7200) partition by range (at);
create table instance_rollups_60 partition of instance_rollups for values in (60) partition by range (at);
create table instance_rollups_600 partition of instance_rollups for values in (600) partition by range (at);
create table instance_rollups_7200 partition of instance_rollups for values in (7200) partition by range (at);

-- The last of each, with what is only worth knowing now: cores, disks, networks, containers, top processes, databases.
create table server_latest (
    server_id       uuid primary key references servers on delete cascade,
    organization_id uuid        not null references organizations,
    at              timestamptz not null,
    received_at     timestamptz not null default now(),
    source          text        not null,
    detail          jsonb       not null
);

alter table metric_resolutions enable row level security;
alter table metric_late enable row level security;
alter table server_samples enable row level security;
alter table instance_samples enable row level security;
alter table server_rollups enable row level security;
alter table instance_rollups enable row level security;
alter table server_rollups_60 enable row level security;
alter table server_rollups_600 enable row level security;
alter table server_rollups_7200 enable row level security;
alter table instance_rollups_60 enable row level security;
alter table instance_rollups_600 enable row level security;
alter table instance_rollups_7200 enable row level security;
alter table server_latest enable row level security;

-- Rows are reached through the parents, whose policies count; partitions are granted to nobody.
grant select on server_samples, instance_samples, server_rollups, instance_rollups, server_latest to ocore_tenant;
create policy tenant on server_samples for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or server_id in (select id from servers)));
create policy tenant on server_rollups for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or server_id in (select id from servers)));
create policy tenant on server_latest for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or server_id in (select id from servers)));
create policy tenant on instance_samples for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or instance_id in (select id from instances)));
create policy tenant on instance_rollups for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or instance_id in (select id from instances)));
