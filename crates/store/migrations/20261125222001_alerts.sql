-- Whether servers can be reached, what was alerted of, who is told of it and how that went, and how long everything was up.

-- What the looks at a server showed, by way. Written by whoever leads, so that another leader goes on from it.
create table server_checks (
    server_id           uuid primary key references servers on delete cascade,
    organization_id     uuid        not null references organizations,
    checked_at          timestamptz not null default now(),
    -- The first failure of a row of them; none: the last look came through.
    ssh_failing_since   timestamptz,
    -- Whether it was tried again as often as it takes to believe it.
    ssh_confirmed       boolean     not null default false,
    ssh_detail          text,
    docker_failing_since timestamptz,
    docker_failures     integer     not null default 0,
    docker_detail       text,
    -- What follows from SSH and agent together.
    reach               text        not null default 'reachable'
        check (reach in ('reachable', 'ssh_unreachable', 'unreachable'))
);

create table alert_rules (
    id              uuid primary key,
    organization_id uuid             not null references organizations,
    -- Which of the presets it was made from; one's own have none.
    preset          text,
    name            text             not null,
    metric          text             not null,
    subject_kind    text             not null check (subject_kind in ('server', 'instance')),
    operator        text             not null check (operator in ('gt', 'gte', 'lt', 'lte')),
    threshold       double precision not null,
    clear_threshold double precision not null,
    minutes         integer          not null check (minutes between 0 and 60),
    severity        text             not null check (severity in ('info', 'warning', 'critical')),
    -- Only these; none: all of the organization.
    server_ids      uuid[],
    instance_ids    uuid[],
    enabled         boolean          not null default true,
    created_at      timestamptz      not null default now(),
    updated_at      timestamptz      not null default now(),
    revision        bigint           not null default 1
);

create unique index alert_rules_preset on alert_rules (organization_id, preset) where preset is not null;
create unique index alert_rules_name on alert_rules (organization_id, lower(name));
create index alert_rules_metric on alert_rules (metric) where enabled;

create table alert_events (
    id                uuid primary key,
    organization_id   uuid        not null references organizations,
    rule_id           uuid        references alert_rules on delete set null,
    rule_name         text        not null,
    metric            text        not null,
    severity          text        not null,
    subject_kind      text        not null,
    subject_id        uuid        not null,
    subject_name      text        not null,
    -- The server it is about or that the instance is on.
    server_id         uuid        not null,
    opened_at         timestamptz not null,
    value             double precision,
    threshold         double precision,
    message           text        not null,
    -- What used most at that moment: [{kind, name, cpuPercent, memoryBytes}].
    culprits          jsonb       not null default '[]',
    acknowledged_at   timestamptz,
    acknowledged_by   uuid,
    acknowledged_name text,
    resolved_at       timestamptz,
    -- 'cleared', 'manual', 'no_data', 'removed' or 'rule_changed'.
    resolution        text,
    -- The alert of the server that explains this one. Nobody is told of this one then.
    suppressed_by     uuid        references alert_events on delete set null,
    -- Whether people were told of it; then they are told of its end too.
    told              boolean     not null default false
);

-- One alert at a time of a rule and what it is about, whoever evaluates.
create unique index alert_events_open on alert_events (rule_id, subject_id) where resolved_at is null;
create index alert_events_list on alert_events (organization_id, id desc);
create index alert_events_unresolved on alert_events (organization_id) where resolved_at is null;

-- Where each rule stands with each server or instance; what is all right has no row.
create table alert_states (
    rule_id         uuid        not null references alert_rules on delete cascade,
    subject_id      uuid        not null,
    organization_id uuid        not null references organizations,
    phase           text        not null check (phase in ('pending', 'firing')),
    since           timestamptz not null,
    -- When there was something to judge by last.
    judged_at       timestamptz not null,
    event_id        uuid        references alert_events on delete set null,
    primary key (rule_id, subject_id)
);

create table notification_channels (
    id              uuid primary key,
    organization_id uuid        not null references organizations,
    name            text        not null,
    kind            text        not null check (kind in ('email', 'webhook', 'slack', 'telegram', 'webpush')),
    -- What is no secret: recipients, the webhook's address, the chat.
    config          jsonb       not null default '{}',
    -- The webhook's key, Slack's address, Telegram's token.
    secret_sealed   bytea,
    min_severity    text        not null default 'info' check (min_severity in ('info', 'warning', 'critical')),
    enabled         boolean     not null default true,
    created_at      timestamptz not null default now(),
    updated_at      timestamptz not null default now(),
    revision        bigint      not null default 1
);

create unique index notification_channels_name on notification_channels (organization_id, lower(name));

-- One message on its way by one channel to one target.
create table notification_deliveries (
    id              uuid primary key,
    organization_id uuid        not null references organizations,
    channel_id      uuid        references notification_channels on delete cascade,
    event_id        uuid        references alert_events on delete cascade,
    -- 'opened', 'resolved' or 'test'.
    kind            text        not null,
    -- The e-mail address or the push subscription's id; empty where the channel says it all.
    target          text        not null default '',
    payload         jsonb       not null,
    state           text        not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts        integer     not null default 0,
    next_attempt_at timestamptz not null default now(),
    -- Whether it waits for the end of somebody's quiet hours.
    held            boolean     not null default false,
    last_error      text,
    created_at      timestamptz not null default now(),
    finished_at     timestamptz,
    replay_of       uuid
);

create index notification_deliveries_due on notification_deliveries (next_attempt_at) where state = 'pending';
create index notification_deliveries_list on notification_deliveries (organization_id, id desc);

create table notification_attempts (
    delivery_id uuid        not null references notification_deliveries on delete cascade,
    number      integer     not null,
    at          timestamptz not null,
    duration_ms integer     not null,
    ok          boolean     not null,
    -- What the other side answered, for what goes by HTTP.
    status      integer,
    error       text,
    primary key (delivery_id, number)
);

-- What a person is told in oCore itself.
create table user_notifications (
    id              uuid primary key,
    user_id         uuid        not null references users on delete cascade,
    organization_id uuid        not null references organizations on delete cascade,
    category        text        not null,
    severity        text        not null,
    title           text        not null,
    body            text        not null,
    url             text,
    created_at      timestamptz not null default now(),
    read_at         timestamptz,
    dismissed_at    timestamptz
);

create index user_notifications_list on user_notifications (user_id, id desc);

create table notification_preferences (
    user_id         uuid    not null references users on delete cascade,
    category        text    not null,
    enabled         boolean not null default true,
    quiet_start     time,
    quiet_end       time,
    timezone        text    not null default 'UTC',
    -- Whether what is critical comes at night too.
    critical_passes boolean not null default true,
    primary key (user_id, category),
    check ((quiet_start is null) = (quiet_end is null))
);

create table push_subscriptions (
    id          uuid primary key,
    user_id     uuid        not null references users on delete cascade,
    endpoint    text        not null unique,
    device_name text        not null default '',
    user_agent  text        not null default '',
    p256dh      text        not null,
    auth_sealed bytea       not null,
    created_at  timestamptz not null default now(),
    last_used_at timestamptz
);

create index push_subscriptions_user on push_subscriptions (user_id);

-- Keys that the installation makes for itself, once.
create table installation_keys (
    name           text primary key,
    public_key     text  not null,
    private_sealed bytea not null,
    row_id         uuid  not null
);

-- In which state each server and instance was, from when to when.
create table availability (
    subject_kind    text        not null check (subject_kind in ('server', 'instance')),
    subject_id      uuid        not null,
    organization_id uuid        not null references organizations,
    server_id       uuid        not null,
    state           text        not null check (state in ('up', 'down', 'unknown')),
    from_at         timestamptz not null,
    to_at           timestamptz,
    primary key (subject_id, from_at)
);

create unique index availability_now on availability (subject_id) where to_at is null;
create index availability_old on availability (to_at) where to_at is not null;

-- When somebody watched last: while nobody did, nothing is known.
create table availability_clock (
    only_row boolean primary key default true check (only_row),
    at       timestamptz not null
);

alter table server_checks enable row level security;
alter table alert_rules enable row level security;
alter table alert_events enable row level security;
alter table alert_states enable row level security;
alter table notification_channels enable row level security;
alter table notification_deliveries enable row level security;
alter table notification_attempts enable row level security;
alter table user_notifications enable row level security;
alter table notification_preferences enable row level security;
alter table push_subscriptions enable row level security;
alter table installation_keys enable row level security;
alter table availability enable row level security;
alter table availability_clock enable row level security;

grant select on server_checks to ocore_tenant;
create policy tenant on server_checks for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or server_id in (select id from servers)));

-- A limited grant sees the rules that are about what it sees, and makes none.
grant select, insert, update, delete on alert_rules to ocore_tenant;
create policy tenant on alert_rules to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or ((server_ids is null or server_ids && array(select id from servers))
             and (instance_ids is null or instance_ids && array(select id from instances)))))
    with check (organization_id = (select ocore_organization()) and not (select ocore_is_limited()));

grant select, insert, update on alert_events to ocore_tenant;
create policy tenant on alert_events to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (subject_kind = 'server' and subject_id in (select id from servers))
         or (subject_kind = 'instance' and subject_id in (select id from instances))));

grant select on alert_states to ocore_tenant;
create policy tenant on alert_states for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or subject_id in (select id from servers) or subject_id in (select id from instances)));

-- Secrets are written and never read here. A limited grant has nothing to do with channels.
grant select (id, organization_id, name, kind, config, min_severity, enabled, created_at, updated_at, revision),
    insert, update, delete on notification_channels to ocore_tenant;
create policy tenant on notification_channels to ocore_tenant using (
    organization_id = (select ocore_organization()) and not (select ocore_is_limited()));

grant select, insert, update on notification_deliveries to ocore_tenant;
create policy tenant on notification_deliveries to ocore_tenant using (
    organization_id = (select ocore_organization()) and not (select ocore_is_limited()));
grant select on notification_attempts to ocore_tenant;
create policy tenant on notification_attempts for select to ocore_tenant
    using (exists (select from notification_deliveries d where d.id = delivery_id));

grant select on availability to ocore_tenant;
create policy tenant on availability for select to ocore_tenant using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (subject_kind = 'server' and subject_id in (select id from servers))
         or (subject_kind = 'instance' and subject_id in (select id from instances))));

-- The state that everything is in now. A server was down from when SSH began to fail, not from when that was believed.
create view availability_states as
    select 'server'::text as subject_kind, s.id as subject_id, s.organization_id, s.id as server_id,
        case when s.status not in ('active', 'unreachable') then 'unknown'
             when coalesce(c.reach, 'reachable') = 'unreachable' or s.status = 'unreachable' then 'down'
             when c.server_id is null then 'unknown' else 'up' end as state,
        case when c.reach = 'unreachable' then c.ssh_failing_since end as since
    from servers s left join server_checks c on c.server_id = s.id where s.status <> 'removed'
    union all
    select 'instance', i.id, i.organization_id, i.server_id,
        case when i.status <> 'running' then 'unknown' when i.health = 'healthy' then 'up'
             when i.health in ('down', 'unhealthy') then 'down' else 'unknown' end,
        null::timestamptz
    from instances i where i.status <> 'removed';
