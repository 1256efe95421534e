-- All of an organization's servers in one reading of the samples, where one question for each server read them all each time.
-- The function of one server stays for the processes of the version before.
create function ocore_ssh_timeouts() returns table (server_id uuid, timeouts bigint)
    language sql stable security definer set search_path = public, pg_temp as
$$ select t.key::uuid, sum(t.value::bigint)::bigint from process_samples p, jsonb_each_text(p.ssh_timeouts) t
   where p.at >= now() - interval '1 hour'
     and (current_setting('role') <> 'ocore_tenant'
          or exists (select from servers s where s.id = t.key::uuid and s.organization_id = ocore_organization()))
   group by t.key $$;
