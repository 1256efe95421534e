-- Processes that execute operations. One that is not seen for a while is lost, and its operations go to others.
create table workers (
    id         uuid primary key,
    host       text not null,
    pid        integer not null,
    started_at timestamptz not null default now(),
    seen_at    timestamptz not null default now()
);

-- An operation is its own job: the row is what people see and what workers claim.
-- It is available when it is not final and no worker holds it. One whose worker was lost keeps its state (running
-- or undoing) and its lease, so that the next worker goes on in the right direction and nobody slips in between.
create table operations (
    id                  uuid primary key,
    organization_id     uuid not null references organizations,
    kind                text not null,
    subject_kind        text,
    subject_id          uuid,
    subject_name        text,
    server_id           uuid references servers,
    params              jsonb not null default '{}',
    state               text not null default 'queued'
        check (state in ('queued', 'running', 'undoing', 'done', 'rolled_back', 'cancelled', 'failed')),
    error               jsonb,
    -- At most one operation with the same serial key runs, and a bounded number with the same group key.
    serial_key          text,
    group_key           text,
    priority            smallint not null default 0,
    run_at              timestamptz not null default now(),
    -- Counts claims. Every write of a worker names the attempt it was given: a resurrected worker's write misses.
    attempt             integer not null default 0,
    worker_id           uuid,
    retry_of            uuid references operations,
    created_at          timestamptz not null default now(),
    started_at          timestamptz,
    finished_at         timestamptz,
    cancel_requested_at timestamptz
);

create index operations_available on operations (priority, run_at, id)
    where worker_id is null and state in ('queued', 'running', 'undoing');
create index operations_held on operations (worker_id) where worker_id is not null;
create index operations_subject on operations (subject_id, id desc);
create index operations_organization on operations (organization_id, id desc);

create table operation_leases (
    operation_id uuid primary key references operations on delete cascade,
    serial_key   text unique,
    group_key    text
);

create index operation_leases_group on operation_leases (group_key) where group_key is not null;

create table operation_steps (
    operation_id uuid not null references operations on delete cascade,
    position     smallint not null,
    name         text not null,
    title        text not null,
    state        text not null default 'pending'
        check (state in ('pending', 'running', 'done', 'failed', 'undoing', 'undone', 'undo_failed')),
    started_at   timestamptz,
    finished_at  timestamptz,
    error        jsonb,
    primary key (operation_id, position)
);

create table operation_events (
    operation_id uuid not null references operations on delete cascade,
    seq          bigint not null,
    at           timestamptz not null,
    level        text not null check (level in ('output', 'info', 'warn', 'error')),
    step         text,
    line         text not null,
    primary key (operation_id, seq)
);

-- Names held by one process at a time: the scheduler, a template being prepared.
create table leases (
    name       text primary key,
    holder     uuid not null,
    expires_at timestamptz not null
);
