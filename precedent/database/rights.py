"""Who may do what in the database: rules over all tables, sequences and functions, whichever a release adds.

Each rule is a query for what breaks it, asked as the application's role. `precedent doctor` asks the same.
"""
# ruff: noqa: S608 - what is interpolated into the queries are constants of this module

from dataclasses import dataclass

from precedent.database.session import Database


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule about rights.

    Attributes:
        says: What holds, as a sentence without its full stop.
        query: Names whatever breaks it, in one column.
        mend: What to do as the owner where something does.
    """

    says: str
    query: str
    mend: str


# A policy that shows rows without a tenant to a transaction without one, and nothing else.
PLATFORM = r"^\(?(\(tenant_id IS NULL\) AND )?\( SELECT .*precedent.tenant_id.* IS NULL\)"
# Every object of ours with each right that somebody has on it; 0 is PUBLIC.
RIGHTS = f"""
SELECT c.oid::regclass::text AS name, c.relkind::text AS kind, c.relowner AS owner, a.grantee, a.privilege_type AS may,
       c.relispartition AS is_partition,
       EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id' AND NOT t.attisdropped)
         AS has_tenant,
       c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
         AND pg_get_expr(p.polqual, c.oid) ~ '{PLATFORM}') AS is_platform
FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT p.oid::regprocedure::text, 'function', p.proowner, a.grantee, a.privilege_type, false, false, false
FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'public'::regnamespace AND NOT EXISTS (
  SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
"""
TENANT_TABLES = """
SELECT c.oid, c.relname, c.relowner, c.relrowsecurity AND c.relforcerowsecurity AS is_forced FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND (NOT c.relispartition
  OR has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE'))
"""
ME = "(SELECT oid FROM pg_roles WHERE rolname = current_user)"

RULES = (
    Rule(
        "The application's role is no superuser, bypasses no row-level security, and owns nothing",
        f"""
        SELECT rolname::text FROM pg_roles WHERE oid = {ME} AND (rolsuper OR rolbypassrls OR rolcreaterole)
        UNION ALL SELECT oid::regclass::text FROM pg_class WHERE relowner = {ME}
          AND relnamespace::regnamespace::text !~ '^pg_(toast_)?temp'
        UNION ALL SELECT oid::regprocedure::text FROM pg_proc WHERE proowner = {ME}
        UNION ALL SELECT nspname::text FROM pg_namespace WHERE nspowner = {ME}
        UNION ALL SELECT datname::text FROM pg_database WHERE datdba = {ME}
        """,
        "connect as a role that cannot (ALTER ROLE ... NOSUPERUSER NOBYPASSRLS), and give what it owns to the owner",
    ),
    Rule(
        "Row-level security is forced on every table with a tenant",
        f"SELECT relname::text FROM ({TENANT_TABLES}) t WHERE NOT is_forced",
        "ALTER TABLE ... ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    ),
    Rule(
        "Each of these tables shows and takes the rows of the transaction's tenant, or those of no tenant to a "
        "transaction without one; only its owner has other policies",
        f"""
        SELECT relname::text FROM ({TENANT_TABLES}) t WHERE NOT EXISTS (
          SELECT FROM pg_policy p WHERE p.polrelid = t.oid AND p.polcmd = '*' AND p.polroles = '{{0}}'
            AND pg_get_expr(p.polqual, t.oid) ~ '^\\(tenant_id = \\( SELECT .*precedent.tenant_id'
            AND (p.polwithcheck IS NULL OR pg_get_expr(p.polwithcheck, t.oid) = pg_get_expr(p.polqual, t.oid)))
        UNION ALL
        SELECT t.relname || ': ' || p.polname FROM ({TENANT_TABLES}) t JOIN pg_policy p ON p.polrelid = t.oid
        WHERE p.polname <> 'tenant_rows' AND p.polpermissive AND p.polroles <> ARRAY[t.relowner]
          AND pg_get_expr(p.polqual, t.oid) !~ '{PLATFORM}'
        """,
        "DROP POLICY each other one, then SELECT secure_table(...)",
    ),
    Rule(
        "A function that runs as its owner looks for names among temporary objects last: a caller can make those",
        """
        SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
          AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, public, pg_temp']
        """,
        "ALTER FUNCTION ... SET search_path = pg_catalog, public, pg_temp",
    ),
    Rule(
        "Only the owner and the application have rights on tables, sequences and functions; PUBLIC has none",
        f"SELECT DISTINCT name FROM ({RIGHTS}) r WHERE grantee NOT IN (owner, {ME})",
        "REVOKE ALL ON ... FROM whoever else has them",
    ),
    Rule(
        "Nobody but the owner makes objects in the schema, and of other roles only the application connects",
        f"""
        SELECT 'the schema public' WHERE has_schema_privilege('public', 'CREATE')
          OR EXISTS (SELECT FROM pg_namespace n, aclexplode(n.nspacl) a
                     WHERE n.nspname = 'public' AND a.grantee = 0 AND a.privilege_type = 'CREATE')
        UNION ALL
        SELECT 'the database ' || d.datname FROM pg_database d
        CROSS JOIN aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
        WHERE d.datname = current_database() AND a.grantee NOT IN (d.datdba, {ME})
          AND d.datdba = (SELECT relowner FROM pg_class WHERE oid = to_regclass('public.tenants'))
        """,
        "REVOKE ALL ON DATABASE ... FROM PUBLIC, REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    ),
    Rule(
        "The application reads and writes rows of tenants and of the platform as a whole; other tables it reads; it "
        "adds tenants",
        f"""
        SELECT DISTINCT name || ': ' || may FROM ({RIGHTS}) r WHERE grantee = {ME} AND NOT CASE
          WHEN kind = 'function' THEN may = 'EXECUTE'
          WHEN is_partition THEN false
          WHEN kind IN ('r', 'p') AND has_tenant THEN may IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
          WHEN kind = 'r' AND is_platform THEN may IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
          WHEN kind = 'r' THEN may = 'SELECT' OR (name = 'tenants' AND may = 'INSERT')
          WHEN kind = 'S' THEN name = 'tenants_id_seq' AND may = 'USAGE'
          ELSE false END
        """,
        "REVOKE these rights from the application's role",
    ),
)


def broken(database: Database) -> list[tuple[Rule, list[str]]]:
    """The rules that do not hold, each with what breaks it."""
    with database.session() as session:
        connection = session.connection()
        # Straight to the driver: the queries hold colons that are no parameters.
        found = [(rule, list(connection.exec_driver_sql(rule.query).scalars())) for rule in RULES]
    return [(rule, names) for rule, names in found if names]
