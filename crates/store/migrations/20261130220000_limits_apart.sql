-- What only limited grants ask stands in functions, apart from the plan: each table that a policy names brings its own policy
-- along, so that one row of a step had a plan of 137 parts, and getting it ready took longer than reading it. They are asked once a
-- statement, and not at all by who is not limited.
create or replace function ocore_seen_instances() returns uuid[] language plpgsql stable parallel safe as
$$ begin return array(select id from instances); end $$;

create or replace function ocore_seen_servers() returns uuid[] language plpgsql stable parallel safe as
$$ begin return array(select id from servers); end $$;

-- Those with an instance that is seen.
create or replace function ocore_servers_of_seen_instances() returns uuid[] language plpgsql stable parallel safe as
$$ begin return array(select distinct server_id from instances); end $$;

alter policy tenant on servers using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (((select ocore_limit('servers')) is null or id::text = any ((select ocore_limit('servers'))::text[]))
             and ((select ocore_limit('instances')) is null
                  or id = any ((select ocore_servers_of_seen_instances())::uuid[])))));

alter policy tenant on operations using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (subject_kind = 'instance' and subject_id = any ((select ocore_seen_instances())::uuid[]))
         or (subject_kind = 'server' and subject_id = any ((select ocore_seen_servers())::uuid[]))));

alter policy tenant on activity using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (subject_kind = 'instance' and subject_id = any ((select ocore_seen_instances())::uuid[]))
         or (subject_kind = 'server' and subject_id = any ((select ocore_seen_servers())::uuid[]))));
