-- Tenants. Every other row belongs to one; an installation starts with the first.
create table organizations (
    id         uuid primary key,
    name       text not null,
    slug       text not null unique,
    created_at timestamptz not null default now()
);

insert into organizations (id, name, slug) values ('00000000-0000-0000-0000-000000000001', 'Default', 'default');

-- Bearer tokens for the API: only a SHA-256 of each is kept.
create table api_tokens (
    id              uuid primary key,
    organization_id uuid not null references organizations,
    name            text not null,
    hash            bytea not null unique,
    created_at      timestamptz not null default now(),
    last_used_at    timestamptz
);

-- Columns that end in `_sealed` hold AES-256-GCM envelopes bound to organization, table, row and column.
create table servers (
    id                        uuid primary key,
    organization_id           uuid not null references organizations,
    name                      text not null,
    description               text not null default '',
    host                      text not null,
    port                      integer not null check (port between 1 and 65535),
    ssh_user                  text not null,
    auth_method               text not null check (auth_method in ('local', 'key', 'password')),
    ssh_private_key_sealed    bytea,
    ssh_key_passphrase_sealed bytea,
    ssh_password_sealed       bytea,
    postgres_password_sealed  bytea not null,
    host_key                  text,
    max_ssh_sessions          integer not null check (max_ssh_sessions between 1 and 64),
    docker_socket             text not null default '/var/run/docker.sock',
    status                    text not null
        check (status in ('validating', 'active', 'unreachable', 'failed', 'removing', 'removed')),
    status_message            text,
    facts                     jsonb,
    last_boot_at              timestamptz,
    last_seen_at              timestamptz,
    created_at                timestamptz not null default now(),
    updated_at                timestamptz not null default now()
);

create unique index servers_name on servers (organization_id, lower(name)) where status <> 'removed';

create table instances (
    id                       uuid primary key,
    organization_id          uuid not null references organizations,
    server_id                uuid not null references servers,
    name                     text not null,
    slug                     text not null,
    odoo_version             text not null,
    odoo_edition             text not null,
    environment_type         text not null,
    status                   text not null check (status in ('creating', 'running', 'starting', 'stopping', 'stopped',
        'restarting', 'updating', 'failed', 'removing', 'removed')),
    status_message           text,
    settings                 jsonb not null,
    env_names                text[] not null default '{}',
    env_values_sealed        bytea not null,
    database_password_sealed bytea not null,
    master_password_sealed   bytea not null,
    admin_password_sealed    bytea,
    http_port                integer,
    longpolling_port         integer,
    health                   text not null default 'unknown' check (health in ('unknown', 'healthy', 'unhealthy', 'down')),
    health_detail            text,
    container_state          text,
    http_ok                  boolean,
    database_ok              boolean,
    restart_count            bigint not null default 0,
    observed_at              timestamptz,
    last_seen_at             timestamptz,
    last_restart_at          timestamptz,
    created_at               timestamptz not null default now(),
    updated_at               timestamptz not null default now()
);

create unique index instances_slug on instances (slug) where status <> 'removed';
create unique index instances_name on instances (organization_id, lower(name)) where status <> 'removed';
create index instances_server on instances (server_id) where status <> 'removed';

-- A reservation is a row, not a guess: two creations cannot be given the same port.
create table port_reservations (
    server_id   uuid not null references servers,
    port        integer not null check (port between 1 and 65535),
    instance_id uuid not null references instances,
    purpose     text not null check (purpose in ('http', 'longpolling')),
    primary key (server_id, port),
    unique (instance_id, purpose)
);

-- What is kept of a deleted instance, until it expires.
create table final_dumps (
    id              uuid primary key,
    organization_id uuid not null references organizations,
    instance_id     uuid not null unique references instances,
    server_id       uuid not null references servers,
    database_path   text not null,
    filestore_path  text not null,
    size_bytes      bigint not null,
    created_at      timestamptz not null default now(),
    expires_at      timestamptz not null,
    removed_at      timestamptz
);

create index final_dumps_expiry on final_dumps (expires_at) where removed_at is null;

-- What happened to servers and instances without anybody's asking.
create table activity (
    id              bigint generated always as identity primary key,
    organization_id uuid not null references organizations,
    at              timestamptz not null default now(),
    subject_kind    text not null check (subject_kind in ('server', 'instance')),
    subject_id      uuid not null,
    kind            text not null,
    message         text not null
);

create index activity_subject on activity (subject_id, id desc);
create index activity_organization on activity (organization_id, id desc);
