-- Backups of oCore's own database, and what a restore leaves behind. They are the installation's: organizations see none of it.
create table control_plane_backups (
    id             uuid primary key,
    began_at       timestamptz not null default now(),
    -- Without an end it is under way, or its process was lost.
    finished_at    timestamptz,
    -- 'asked' or 'upgrade'.
    cause          text        not null,
    host           text        not null,
    -- The file; empty for standard output.
    place          text        not null,
    ocore_version  text        not null,
    schema_version bigint      not null,
    with_metrics   boolean     not null,
    -- Public keys that open it; empty for a passphrase.
    sealed_for     text[]      not null,
    bytes          bigint,
    sha256         text,
    error          text
);

create index control_plane_backups_newest on control_plane_backups (began_at desc);

-- Which installation this is, and how often it was restored: of two that are the same, the one restored later has the servers.
create table control_plane (
    only_row        boolean     primary key default true check (only_row),
    installation_id uuid        not null default gen_random_uuid(),
    epoch           bigint      not null default 1,
    restored_at     timestamptz,
    -- When the backup was made that it was restored from.
    restored_from   timestamptz,
    -- The epoch that was found on a server, when it is greater: another control plane was restored from this one's backup.
    superseded_by   bigint,
    superseded_at   timestamptz
);
insert into control_plane default values;

-- What each migration does to the processes of earlier versions, for those that do not know it.
create table schema_changes (
    version        bigint primary key,
    description    text   not null,
    -- None: it only adds. Else the first version that does without what it takes away.
    contract_since text,
    ocore_version  text   not null
);

-- What a process knows; those of before tell nothing.
alter table workers add column version text;

-- A drill without an organization is the control plane's own.
alter table recovery_drills alter column organization_id drop not null;
create index recovery_drills_own on recovery_drills (at desc) where organization_id is null;

alter table control_plane_backups enable row level security;
alter table control_plane enable row level security;
alter table schema_changes enable row level security;
