"""What a role may back up and restore of a PostgreSQL database, and where to."""

import json
from dataclasses import dataclass, field

import psycopg
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.conninfo import make_conninfo

from schema.batches.ranges import literal
from schema.introspection.catalog import quoted
from schema.migrator.restore_script import Target

NOT_OF_EXTENSIONS = """
    NOT EXISTS (SELECT FROM pg_depend WHERE classid = '{table}'::regclass
        AND objid = {table}.oid AND deptype = 'e')
"""
SCHEMAS = f"""
    SELECT nspname, pg_has_role(nspowner, 'USAGE') OR EXISTS (
        SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid
        AND pg_has_role(relowner, 'USAGE'))
    FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
        AND {NOT_OF_EXTENSIONS.format(table="pg_namespace")}
    ORDER BY nspname
"""  # noqa: S608 - constants
RELATIONS = f"""
    SELECT nspname, relname, relkind::text, has_table_privilege(pg_class.oid, 'SELECT')
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = ANY (%s) AND relkind IN ('r', 'p', 'm', 'S', 'f')
        AND relpersistence <> 't' AND {NOT_OF_EXTENSIONS.format(table="pg_class")}
        AND NOT (relkind = 'S' AND EXISTS (SELECT FROM pg_depend
            WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'i'))
    ORDER BY 1, 2
"""  # noqa: S608 - constants
LARGE_OBJECTS = """
    SELECT count(*) FROM pg_largeobject_metadata WHERE NOT pg_has_role(lomowner, 'USAGE')
"""
# A trusted extension may be created by whoever may create something in the database.
EXTENSIONS = """
    SELECT extname, coalesce(bool_or(trusted), false)
    FROM pg_extension LEFT JOIN pg_available_extension_versions ON name = extname
    GROUP BY extname ORDER BY extname
"""
DATABASE = """
    SELECT rolsuper, rolcreatedb AND pg_has_role(datdba, 'USAGE'), current_user::text,
        (to_jsonb(pg_database) || jsonb_build_object(
            'owner', pg_get_userbyid(datdba), 'encoding', pg_encoding_to_char(encoding)))::text,
        (SELECT system_identifier FROM pg_control_system())
    FROM pg_database, pg_roles
    WHERE datname = current_database() AND rolname = current_user
"""
SETTINGS = """
    SELECT rolname, setting FROM pg_db_role_setting
    LEFT JOIN pg_roles ON pg_roles.oid = setrole, unnest(setconfig) AS setting
    WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (setrole = 0 OR rolname = current_user)
"""
GRANTS = """
    SELECT privilege_type, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(
        pg_get_userbyid(grantee)) END, is_grantable
    FROM pg_database, aclexplode(datacl) WHERE datname = current_database()
"""
# Settings that are lists of names: the catalog holds them as SQL writes them.
LISTS = {"search_path", "session_preload_libraries", "local_preload_libraries", "temp_tablespaces"}
PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}

# Entries of a dump that take a superuser to restore.
SUPERUSERS = (
    "ACCESS METHOD",
    "CAST",
    "EVENT TRIGGER",
    "FOREIGN DATA WRAPPER",
    "PROCEDURAL LANGUAGE",
    "PUBLICATION",
    "SERVER",
    "SUBSCRIPTION",
    "TRANSFORM",
    "USER MAPPING",
)


@dataclass
class Scope:
    """What of the database a dump holds."""

    role: str
    superuser: bool
    schemas: list[str]
    tables: int
    """Tables whose rows the dump holds."""
    options: list[str] = field(default_factory=list)
    """Arguments of pg_dump."""
    skipped: list[str] = field(default_factory=list)
    extensions: dict[str, bool] = field(default_factory=dict)
    """Every extension, and whether the role may create it."""
    large_objects: bool = True

    def contents(self, listed: str, target: Target) -> list[str]:
        """Return the entries of a dump's list that the role may restore."""
        return [
            line
            for line in listed.splitlines()
            if line and not line.startswith(";") and self._may_restore(line, target)
        ]

    def _may_restore(self, line: str, target: Target) -> bool:
        entry = line.split(" ", 3)[-1]  # kind, schema, name and owner
        if entry.startswith(("COMMENT - ", "ACL - ")):
            entry = entry.split(" - ", 1)[1]
            kind, _, rest = entry.partition(" ")
            entry = f"{kind} - {rest}"
            if kind in {"SCHEMA", "EXTENSION"} and not self.superuser:
                return False
        if entry.startswith("EXTENSION - "):
            name = entry.removeprefix("EXTENSION - ").split(" ")[0]
            return target.maintenance is not None and self.extensions.get(name, False)
        if entry.startswith("SCHEMA - "):
            return target.maintenance is not None
        if self.superuser:
            return True
        if entry.startswith("DEFAULT ACL "):
            return entry.endswith(f" {self.role}")
        return not entry.startswith(tuple(f"{kind} " for kind in SUPERUSERS))


def find(connection: BaseDatabaseWrapper) -> Scope:
    """Find out what the role may back up."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolname FROM pg_roles WHERE rolname = current_user")
        superuser, role = cursor.fetchone()
        cursor.execute(SCHEMAS)
        known = dict(cursor.fetchall())
        schemas = [name for name, own in known.items() if own or superuser]
        cursor.execute(RELATIONS, [schemas])
        relations = cursor.fetchall()
        cursor.execute(LARGE_OBJECTS)
        foreign_objects = 0 if superuser else cursor.fetchone()[0]
        cursor.execute(EXTENSIONS)
        extensions = {name: trusted or superuser for name, trusted in cursor.fetchall()}
    scope = Scope(
        role=role,
        superuser=superuser,
        schemas=schemas,
        tables=sum(readable and kind == "r" for _, _, kind, readable in relations),
        extensions=extensions,
    )
    for name in known.keys() - set(schemas):
        scope.options.append(f"--exclude-schema={quoted(name)}")
        scope.skipped.append(f"the schema {name}")
    for schema, name, _, readable in relations:
        if not readable:
            scope.options.append(f"--exclude-table={quoted(schema)}.{quoted(name)}")
            scope.skipped.append(f"{schema}.{name}")
    if foreign_objects:
        scope.options.append("--no-blobs")
        scope.skipped.append(f"large objects ({foreign_objects} are of other roles)")
        scope.large_objects = False
    scope.skipped += [
        f"the extension {name}" for name, creatable in extensions.items() if not creatable
    ]
    return scope


def target(
    connection: BaseDatabaseWrapper,
    parameters: dict[str, str],
    password: str,
    programs: str,
    scope: Scope,
) -> Target:
    """Return where the dump is restored: a new database, if the role may create one."""
    with connection.cursor() as cursor:
        cursor.execute(DATABASE)
        superuser, creates, _, facts, system = cursor.fetchone()
        cursor.execute(SETTINGS)
        properties = [_alter(role, setting) for role, setting in cursor.fetchall()]
        cursor.execute(GRANTS)
        grants = cursor.fetchall()
    if grants:
        properties.append("REVOKE ALL ON DATABASE {database} FROM PUBLIC;")
    properties += [
        f"GRANT {privilege} ON DATABASE {{database}} TO {grantee}"
        f"{' WITH GRANT OPTION' if grantable and grantee != 'PUBLIC' else ''};"
        for privilege, grantee, grantable in grants
    ]
    creates = creates or superuser
    return Target(
        parameters=parameters,
        system=system,
        programs=programs,
        maintenance=_other_database(parameters, password) if creates else None,
        options=_create_options(json.loads(facts)),
        properties=properties,
        schemas=scope.schemas,
        large_objects=scope.large_objects,
        keeps_owners=superuser,
    )


def _alter(role: str | None, setting: str) -> str:
    name, _, value = setting.partition("=")
    value = value if name in LISTS else literal(value)
    scope = "DATABASE {database}"
    if role is not None:
        scope = f"ROLE {quoted(role)} IN {scope}"
    return f"ALTER {scope} SET {name} TO {value};"


def _create_options(facts: dict[str, str]) -> str:
    options = (
        f" OWNER {quoted(facts['owner'])} TEMPLATE template0 ENCODING {literal(facts['encoding'])}"
        f" LC_COLLATE {literal(facts['datcollate'])} LC_CTYPE {literal(facts['datctype'])}"
    )
    if provider := PROVIDERS.get(facts.get("datlocprovider", "c")):
        locale = facts.get("datlocale") or facts["daticulocale"]
        options += f" LOCALE_PROVIDER {provider[0]} {provider[1]} {literal(locale)}"
    return options


def _other_database(parameters: dict[str, str], password: str) -> str | None:
    """Return a database from which others can be created and renamed."""
    for name in ("postgres", "template1"):
        if name == parameters["dbname"]:
            continue
        try:
            psycopg.connect(
                make_conninfo(**parameters | {"dbname": name}, password=password)
            ).close()
        except psycopg.Error:
            continue
        return name
    return None
