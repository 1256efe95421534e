-- People, what they may do, and what they did.

create table users (
    id                 uuid primary key,
    email              text not null,
    name               text not null,
    -- Argon2id, as a PHC string; none for who only signs in by passkey or at another provider.
    password_hash      text,
    email_verified_at  timestamptz,
    -- May see every organization under /api/admin; apart from what they are in each of them.
    is_server_admin    boolean not null default false,
    totp_secret_sealed bytea,
    totp_enabled_at    timestamptz,
    -- The time step of the last code that was taken: none is taken twice.
    totp_last_step     bigint,
    deactivated_at     timestamptz,
    last_login_at      timestamptz,
    created_at         timestamptz not null default now(),
    updated_at         timestamptz not null default now()
);

create unique index users_email on users (lower(email));

create table sessions (
    id           uuid primary key,
    user_id      uuid not null references users on delete cascade,
    -- How it began: password, totp, passkey, sso.
    method       text not null,
    address      text,
    user_agent   text,
    created_at   timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    expires_at   timestamptz not null,
    revoked_at   timestamptz
);

create index sessions_user on sessions (user_id) where revoked_at is null;
create index sessions_expiry on sessions (expires_at);

-- Every refresh token of a session. Each is good for one use: another use of the same tells of a thief.
create table refresh_tokens (
    hash       bytea primary key,
    session_id uuid not null references sessions on delete cascade,
    created_at timestamptz not null default now(),
    used_at    timestamptz
);

create index refresh_tokens_session on refresh_tokens (session_id);

create table recovery_codes (
    user_id uuid not null references users on delete cascade,
    hash    bytea not null,
    used_at timestamptz,
    primary key (user_id, hash)
);

create table passkeys (
    id              uuid primary key,
    user_id         uuid not null references users on delete cascade,
    credential_id   bytea not null unique,
    credential      bytea not null,
    device_name     text not null,
    transports      text[] not null default '{}',
    backup_eligible boolean not null,
    backup_state    boolean not null,
    created_at      timestamptz not null default now(),
    last_used_at    timestamptz
);

create index passkeys_user on passkeys (user_id);

-- Accounts at other providers by which somebody signs in.
create table connected_accounts (
    provider   text not null,
    subject    text not null,
    user_id    uuid not null references users on delete cascade,
    email      text,
    created_at timestamptz not null default now(),
    primary key (provider, subject)
);

create index connected_accounts_user on connected_accounts (user_id);

-- What is sent by e-mail or kept between two halves of a login: good once, for a while. Only hashes are kept.
create table one_time_tokens (
    hash       bytea primary key,
    purpose    text not null check (purpose in ('verify_email', 'reset_password', 'change_email', 'second_factor',
        'passkey_login', 'passkey_registration', 'sso')),
    user_id    uuid references users on delete cascade,
    data       bytea not null default '',
    created_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create index one_time_tokens_expiry on one_time_tokens (expires_at);
create index one_time_tokens_user on one_time_tokens (user_id, purpose);

-- Failed attempts, by account and by address. Names are hashed: what was typed may be a password.
create table login_attempts (
    key           bytea primary key,
    failures      integer not null,
    last_at       timestamptz not null,
    blocked_until timestamptz
);

create index login_attempts_last on login_attempts (last_at);

-- A login that a device began and a person approves in the browser.
create table device_logins (
    device_hash  bytea primary key,
    user_code    text not null unique,
    client_name  text not null,
    address      text,
    created_at   timestamptz not null default now(),
    expires_at   timestamptz not null,
    polled_at    timestamptz,
    user_id      uuid references users on delete cascade,
    organization_id uuid references organizations on delete cascade,
    denied_at    timestamptz
);

create index device_logins_expiry on device_logins (expires_at);

alter table organizations
    add column logo_url             text,
    add column updated_at           timestamptz not null default now(),
    add column revision             bigint not null default 1,
    add column deactivated_at       timestamptz,
    -- Its record outlives it, so its row does too.
    add column deleted_at           timestamptz,
    add column audit_retention_days integer not null default 365 check (audit_retention_days between 1 and 3650),
    add column bulk_batch_size      integer not null default 10 check (bulk_batch_size between 1 and 100),
    add column require_passkey      boolean not null default false;

create table roles (
    id              uuid primary key,
    organization_id uuid not null references organizations on delete cascade,
    name            text not null,
    description     text not null default '',
    is_system       boolean not null default false,
    -- The one role that may delete the organization or hand it over.
    is_owner        boolean not null default false,
    permissions     text[] not null,
    revision        bigint not null default 1,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now()
);

create unique index roles_name on roles (organization_id, lower(name));

create table members (
    organization_id uuid not null references organizations on delete cascade,
    user_id         uuid not null references users on delete cascade,
    role_id         uuid not null references roles,
    -- What the member is kept to; null is the whole organization.
    scope           jsonb,
    revision        bigint not null default 1,
    joined_at       timestamptz not null default now(),
    primary key (organization_id, user_id)
);

create index members_user on members (user_id);
create index members_role on members (role_id);

create table invitations (
    id              uuid primary key,
    organization_id uuid not null references organizations on delete cascade,
    email           text not null,
    role_id         uuid not null references roles,
    scope           jsonb,
    hash            bytea not null unique,
    status          text not null default 'pending' check (status in ('pending', 'accepted', 'cancelled')),
    invited_by      uuid references users on delete set null,
    created_at      timestamptz not null default now(),
    expires_at      timestamptz not null,
    answered_at     timestamptz
);

create unique index invitations_pending on invitations (organization_id, lower(email)) where status = 'pending';
create index invitations_organization on invitations (organization_id, id desc);

-- A link lets in whoever has it, so it is sealed at rest as a password is.
create table invite_links (
    id              uuid primary key,
    organization_id uuid not null references organizations on delete cascade,
    role_id         uuid not null references roles,
    scope           jsonb,
    hash            bytea not null unique,
    code_sealed     bytea not null,
    -- 0: as often as you like.
    max_uses        integer not null check (max_uses between 0 and 10000),
    use_count       integer not null default 0,
    created_by      uuid references users on delete set null,
    created_at      timestamptz not null default now(),
    expires_at      timestamptz,
    revoked_at      timestamptz
);

create index invite_links_organization on invite_links (organization_id, id desc);

-- What was a token for everything becomes a key with permissions.
alter table api_tokens rename to api_keys;
alter table api_keys
    add column prefix          text not null default 'ocore_',
    add column permissions     text[] not null default '{}',
    add column scope           jsonb,
    add column is_server_admin boolean not null default false,
    add column created_by      uuid references users on delete set null,
    add column expires_at      timestamptz,
    add column revoked_at      timestamptz;
-- Those there are were made on the machine itself, for administrators.
update api_keys set is_server_admin = true, permissions = array['manage:organization', 'manage:members', 'manage:roles',
    'manage:api_keys', 'manage:audit_logs', 'manage:servers', 'manage:instances', 'manage:operations', 'manage:backups',
    'manage:monitoring'];
create index api_keys_organization on api_keys (organization_id, id desc);

-- Two editors must not overwrite each other: the revision counts what people change, not what is observed.
alter table instances add column revision bigint not null default 1;
alter table servers add column revision bigint not null default 1;

-- A server belongs to one organization, and what a slug names is on its server: no other organization need know of it.
drop index instances_slug;
create unique index instances_slug on instances (organization_id, slug) where status <> 'removed';

-- The record of who did what: a chain for each organization, and one for what belongs to none. `entry` is the text
-- that was hashed; what is searched for is derived from it, so that it cannot be changed apart from it.
create table audit_log (
    organization_id uuid references organizations,
    seq             bigint not null,
    previous        bytea not null,
    hash            bytea not null,
    entry           json not null,
    at              timestamptz not null
        generated always as (to_timestamp((entry ->> 'atMicros')::double precision / 1000000)) stored,
    action          text not null generated always as (entry ->> 'action') stored,
    user_id         text generated always as (entry ->> 'userId') stored,
    resource_type   text generated always as (entry ->> 'resourceType') stored,
    resource_id     text generated always as (entry ->> 'resourceId') stored,
    unique nulls not distinct (organization_id, seq)
);

create index audit_log_action on audit_log (organization_id, action, seq desc);
create index audit_log_resource on audit_log (organization_id, resource_id, seq desc);
create index audit_log_user on audit_log (organization_id, user_id, seq desc);
create index audit_log_at on audit_log (organization_id, at);

-- Where each chain ends, and where it begins since old entries were taken away.
create table audit_chains (
    organization_id uuid references organizations,
    seq             bigint not null,
    hash            bytea not null,
    first_seq       bigint not null default 1,
    first_previous  bytea not null default '',
    unique nulls not distinct (organization_id)
);
