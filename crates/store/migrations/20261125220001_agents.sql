-- The agent of a server. Its token opens one door only: bringing what it measured on this server. Kept as SHA-256; the
-- one before stays good until the agent has used the new one.
create table agents (
    server_id           uuid primary key references servers on delete cascade,
    organization_id     uuid        not null references organizations,
    token_hash          bytea       not null unique,
    previous_token_hash bytea unique,
    token_rotated_at    timestamptz not null default now(),
    version             text,
    boot_id             text,
    installed_at        timestamptz not null default now(),
    -- When it pushed last, by oCore's clock.
    last_seen_at        timestamptz,
    -- The time of its newest sample, by the server's clock.
    last_sample_at      timestamptz,
    -- Samples it had to drop because it was cut off for longer than it can remember.
    lost_samples        bigint      not null default 0
);

alter table agents enable row level security;
grant select (server_id, organization_id, token_rotated_at, version, boot_id, installed_at, last_seen_at, last_sample_at,
    lost_samples) on agents to ocore_tenant;
create policy tenant on agents for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or server_id in (select id from servers)));
