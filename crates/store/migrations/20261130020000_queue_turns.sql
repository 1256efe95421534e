-- Whose turn it is: the claim goes from organization to organization, and looks at the head of each one's queue. In place of
-- the index by age alone, so that an operation still stands in one.
create index operations_turn on operations (organization_id, priority, run_at, id) where finished_at is null;
drop index operations_open;

-- How much of each organization and each kind is at work. A process of the release before does not say so: what it claims counts
-- for none while both run.
alter table operation_leases add column organization_id uuid, add column kind text;
-- Of what requests read until now nothing is taken away.
-- contract: since 0.1.0
revoke select on operation_leases from ocore_tenant;
grant select (operation_id, serial_key, group_key) on operation_leases to ocore_tenant;

-- What is not to be taken up for now: all, or what is of a kind, on a server, or of an organization.
create table queue_pauses (
    scope     text not null check (scope in ('all', 'kind', 'server', 'organization')),
    target    text not null default '' check ((scope = 'all') = (target = '')),
    reason    text not null default '' check (length(reason) <= 200),
    paused_at timestamptz not null default now(),
    -- Who did it, as the record names them.
    paused_by text,
    primary key (scope, target)
);

alter table queue_pauses enable row level security;
-- Why something waits is shown to whom it concerns.
grant select (scope, target, reason) on queue_pauses to ocore_tenant;
create policy tenant on queue_pauses for select to ocore_tenant using (
    scope in ('all', 'kind')
    or (scope = 'organization' and target = (select ocore_organization())::text)
    or (scope = 'server' and exists (select from servers s where s.id::text = target)));

-- What keeps an operation from being taken up, in words, if anything was paused.
create function ocore_pause(kind text, server uuid, organization uuid) returns text language sql stable parallel safe as
$$ select case p.scope when 'all' then 'the queue, which is paused'
                       when 'kind' then 'operations of its kind, which are paused'
                       when 'server' then 'its server, whose operations are paused'
                       else 'its organization, whose operations are paused' end
              || case when p.reason = '' then '' else ': ' || p.reason end
   from queue_pauses p
   where p.scope = 'all' or (p.scope = 'kind' and p.target = ocore_pause.kind)
       or (p.scope = 'server' and p.target = server::text)
       or (p.scope = 'organization' and p.target = organization::text)
   order by p.scope limit 1 $$;
