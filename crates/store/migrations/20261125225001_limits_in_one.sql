-- What a grant is limited to, behind one question that is asked once: whether it is limited at all. Without it the planner
-- takes each of the limits for a filter that few rows pass, and reads a whole table to show its first page.
alter policy tenant on instances using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (((select ocore_limit('servers')) is null or server_id::text = any ((select ocore_limit('servers'))::text[]))
             and ((select ocore_limit('instances')) is null or id::text = any ((select ocore_limit('instances'))::text[]))
             and ((select ocore_limit('environments')) is null
                  or environment_type = any ((select ocore_limit('environments'))::text[])))));

alter policy tenant on servers using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (((select ocore_limit('servers')) is null or id::text = any ((select ocore_limit('servers'))::text[]))
             and ((select ocore_limit('instances')) is null
                  or exists (select from instances i where i.server_id = servers.id)))));

-- Lists by name go on after a name and an id.
create index servers_by_name on servers (organization_id, lower(name), id) where status <> 'removed';
create index instances_by_name on instances (organization_id, lower(name), id) where status <> 'removed';
