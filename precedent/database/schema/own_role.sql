-- Run by each upgrade where the application's role is not `precedent_app`, which once was that of every database of a
-- server: what that role was given in this database goes to the database's own.
DO $$
DECLARE
  granted record;
BEGIN
  FOR granted IN
    SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || c.oid::regclass AS what, a.privilege_type AS own
    FROM pg_class c, aclexplode(c.relacl) a WHERE a.grantee = to_regrole('precedent_app')
    UNION ALL
    SELECT 'FUNCTION ' || p.oid::regprocedure, a.privilege_type
    FROM pg_proc p, aclexplode(p.proacl) a WHERE a.grantee = to_regrole('precedent_app')
  LOOP
    PERFORM grant_to_app(granted.own, granted.what);
    EXECUTE format('REVOKE %s ON %s FROM precedent_app', granted.own, granted.what);
  END LOOP;
END
$$;
