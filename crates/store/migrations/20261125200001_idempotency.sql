-- What was answered to requests that bear an Idempotency-Key, so that a repeat is answered and not done again.
create table idempotency_keys (
    id              uuid primary key,
    principal       text not null,
    organization_id uuid references organizations on delete cascade,
    key             text not null,
    method          text not null,
    path            text not null,
    -- SHA-256 of the body.
    fingerprint     bytea not null,
    state           text not null check (state in ('begun', 'answered')),
    status          integer,
    headers         jsonb,
    answer_sealed   bytea,
    created_at      timestamptz not null default now(),
    -- When the process that works on it said so last.
    seen_at         timestamptz not null default now(),
    unique (principal, key),
    check (state = 'begun' or (status is not null and headers is not null and answer_sealed is not null))
);

create index idempotency_keys_created on idempotency_keys (created_at);
