-- What only limited grants ask stands in functions, apart from the plan: each table that a policy names brings its own policy
-- along, so that one row of a step had a plan of 137 parts, and getting it ready took longer than reading it.
create or replace function ocore_sees_instance(what uuid) returns boolean language plpgsql stable parallel safe as
$$ begin return exists (select from instances i where i.id = what); end $$;

create or replace function ocore_sees_instance_on(server uuid) returns boolean language plpgsql stable parallel safe as
$$ begin return exists (select from instances i where i.server_id = server); end $$;

create or replace function ocore_sees_server(what uuid) returns boolean language plpgsql stable parallel safe as
$$ begin return exists (select from servers s where s.id = what); end $$;

-- A server by its id or the instances on it, an operation or an activity by what it is about.
create or replace function ocore_sees(kind text, what uuid) returns boolean language plpgsql stable parallel safe as
$$ begin
    return case kind when 'instance' then ocore_sees_instance(what) when 'server' then ocore_sees_server(what) else false end;
end $$;

alter policy tenant on servers using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited())
         or (((select ocore_limit('servers')) is null or id::text = any ((select ocore_limit('servers'))::text[]))
             and ((select ocore_limit('instances')) is null or ocore_sees_instance_on(id)))));

alter policy tenant on operations using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or ocore_sees(subject_kind, subject_id)));

alter policy tenant on activity using (
    organization_id = (select ocore_organization())
    and (not (select ocore_is_limited()) or ocore_sees(subject_kind, subject_id)));
