"""Shell scripts that restore a backup, and keep what they replace until that has succeeded."""

import re
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from psycopg.conninfo import make_conninfo

from schema.batches.ranges import literal
from schema.introspection.catalog import quoted

SQLITE = """#!/bin/sh
# Restores the SQLite database {title}
# from the backup beside this file. Stop the site first.
set -eu
cd "$(dirname "$0")"
backup={backup}
database={database}
replaced="$database-replaced-$(date -u +%Y%m%d%H%M%S)-$$"

cp "$backup" "$database-restored"
for end in "" -journal -wal -shm; do
    if [ -e "$database$end" ]; then mv "$database$end" "$replaced$end"; fi
done
mv "$database-restored" "$database"
echo "Restored. What was there before is kept in $replaced; delete it when you no longer need it."
"""

HEAD = """#!/bin/sh
# Restores the database {database}
# on host {host}, port {port}, as user {user},
# from the backup beside this file. Stop the site first. PGPASSWORD or ~/.pgpass gives the password.
set -eu
unset PGSERVICE PGSERVICEFILE PGHOST PGHOSTADDR PGPORT PGDATABASE PGUSER PGOPTIONS
unset PGTARGETSESSIONATTRS PGCLIENTENCODING
cd "$(dirname "$0")"
backup={backup}
contents=$(mktemp)
psql() {{ command {programs}psql -X -q -v ON_ERROR_STOP=1 -d "$@"; }}
fail() {{ echo "$1" >&2; exit 1; }}
trap 'rm -f "$contents"' EXIT

server=$(psql {check} -At -c 'SELECT system_identifier FROM pg_control_system()')
[ "$server" = {system} ] || fail {other_server}
sessions=$(psql {check} -At -c {count_sessions})
[ "$sessions" = 0 ] || fail "The database has $sessions other sessions. Stop the site first."
cat > "$contents" <<'END'
{contents}
END
"""

INTO_NEW = """
stamp=$(date -u +%Y%m%d%H%M%S)_$$
restored="{base}_restored_$stamp"
replaced="{base}_replaced_$stamp"
undo() {{
    psql {maintenance} -c "DROP DATABASE IF EXISTS $restored" || true
    rm -f "$contents"
    echo "The restore failed. The database is as it was before." >&2
}}
psql {maintenance} -c "CREATE DATABASE $restored "{options}
trap undo EXIT
{programs}pg_restore {flags} --exit-on-error --use-list="$contents" \\
    -d {new}"$restored" "$backup"
psql {new}"$restored" -c {quiet} -c ANALYZE
psql {maintenance} -v ON_ERROR_STOP=0 <<END
{properties}
END
existed=$(psql {maintenance} -At -c {exists})
if [ "$existed" = 1 ]; then
    psql {maintenance} -1 -c {rename_old}"$replaced" \\
        -c "ALTER DATABASE $restored RENAME TO "{name}
    kept=" The database from before is kept as $replaced; drop it when you no longer need it."
else
    psql {maintenance} -c "ALTER DATABASE $restored RENAME TO "{name}
    kept=""
fi
trap 'rm -f "$contents"' EXIT
echo "Restored.$kept"
"""

# The role may not create a database. In one transaction, what it owns is dropped and made again:
# if anything fails, the database stays as it was. The COMMIT is pg_restore's last statement (-1).
IN_PLACE = """
result=$({{
    cat <<'END_OF_SQL'
BEGIN;
{drop}
END_OF_SQL
    {programs}pg_restore {flags} -1 --use-list="$contents" -f - "$backup" \
        && printf '%s\n' '\\echo restored'
}} | psql {check} -o /dev/null) || true
[ "$result" = restored ] || fail "The restore failed. The database is as it was before."
psql {check} -c {quiet} -c ANALYZE
echo "Restored."
"""

DROP_OWN = """
SET LOCAL client_min_messages = error;
DO $drop$
DECLARE
    statement text;
    others bigint := (SELECT count(*) FROM pg_class WHERE NOT pg_has_role(relowner, 'USAGE'));
BEGIN
    FOR statement IN
        SELECT format('DROP %s IF EXISTS %s CASCADE', kind, name) FROM (
            SELECT 1 AS turn, CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END AS kind,
                format('%I.%I', nspname, relname) AS name, 'pg_class'::regclass AS class,
                pg_class.oid, relowner AS owner
            FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND nspname = ANY ({schemas})
                AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
                    AND objid = pg_class.oid AND deptype IN ('a', 'i') AND relkind = 'S')
            UNION ALL
            SELECT 2, 'ROUTINE', pg_proc.oid::regprocedure::text, 'pg_proc'::regclass,
                pg_proc.oid, proowner
            FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
            WHERE nspname = ANY ({schemas})
            UNION ALL
            SELECT 3, CASE typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END,
                format('%I.%I', nspname, typname), 'pg_type'::regclass, pg_type.oid, typowner
            FROM pg_type JOIN pg_namespace ON pg_namespace.oid = typnamespace
            WHERE nspname = ANY ({schemas}) AND (typtype IN ('d', 'e', 'r')
                OR typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c')
        ) AS object
        WHERE pg_has_role(owner, 'USAGE') AND NOT EXISTS (SELECT FROM pg_depend
            WHERE classid = class AND objid = object.oid AND deptype = 'e')
        ORDER BY turn
    LOOP
        EXECUTE statement;
    END LOOP;
{unlink}    IF others <> (
        SELECT count(*) FROM pg_class WHERE NOT pg_has_role(relowner, 'USAGE')
    ) THEN
        RAISE EXCEPTION 'tables or views of other roles depend on this database''s own';
    END IF;
END
$drop$;
"""


UNLINK = """\
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata WHERE pg_has_role(lomowner, 'USAGE');
"""


@dataclass(frozen=True)
class Target:
    """The PostgreSQL database that a script restores, and how."""

    parameters: dict[str, str]
    """libpq's parameters, without a password."""
    system: int
    """The cluster's system identifier."""
    programs: str
    """The folder of the client programs, with its slash, or an empty text."""
    maintenance: str | None
    """Another database to connect to; None where the role may not create a database."""
    options: str
    """What follows CREATE DATABASE and its name: owner, encoding and locale."""
    properties: list[str]
    """ALTER DATABASE and GRANT statements, with {database} for its name."""
    schemas: list[str]
    """The schemas in the backup."""
    large_objects: bool
    """Whether the backup has the large objects."""
    keeps_owners: bool
    """Whether the role may give objects to their owners."""

    @property
    def name(self) -> str:
        """Return the name of the database."""
        return self.parameters["dbname"]

    def connection(self, database: str) -> str:
        """Return the parameters for another database of the server, quoted for a shell."""
        return quote(make_conninfo(**(self.parameters | {"dbname": database})))


def sqlite_script(backup: Path, database: Path) -> str:
    """Return the script that restores a copy of a SQLite database."""
    return SQLITE.format(
        title=one_line(database), backup=quote(backup.name), database=quote(str(database))
    )


def postgresql_script(target: Target, backup: Path, contents: list[str]) -> str:
    """Return the script that restores the entries `contents` of a dump."""
    check = target.connection(target.maintenance or target.name)
    name = literal(target.name)
    values = {
        "database": one_line(target.name),
        "host": one_line(target.parameters.get("host", "")),
        "port": one_line(target.parameters.get("port", "")),
        "user": one_line(target.parameters.get("user", "")),
        "backup": quote(backup.name),
        "programs": target.programs,
        "check": check,
        "system": target.system,
        "other_server": quote(
            "This is another server than the one that was backed up. Nothing was changed."
        ),
        "count_sessions": quote(
            f"SELECT count(*) FROM pg_stat_activity WHERE datname = {name}"  # noqa: S608 - quoted
            " AND pid <> pg_backend_pid() AND usesysid IS NOT NULL"
            " AND coalesce(backend_type, 'client backend') = 'client backend'"
        ),
        "contents": "\n".join(contents),
        # ANALYZE warns of every catalog that the role does not own.
        "quiet": quote("SET statement_timeout = 0; SET client_min_messages = error"),
        "flags": "" if target.keeps_owners else "--no-owner",
    }
    if target.maintenance is None:
        schemas = "ARRAY[" + ", ".join(map(literal, target.schemas)) + "]::name[]"
        drop = DROP_OWN.format(schemas=schemas, unlink=UNLINK if target.large_objects else "")
        return HEAD.format(**values) + IN_PLACE.format(**values, drop=drop)
    own = quoted(target.name)
    new = make_conninfo(**{k: v for k, v in target.parameters.items() if k != "dbname"})
    properties = "\n".join(target.properties).replace("\\", "\\\\").replace("$", "\\$")
    return HEAD.format(**values) + INTO_NEW.format(
        **values,
        base=re.sub("[^a-z0-9_]", "_", target.name.lower())[:30],
        maintenance=check,
        options=quote(target.options),
        new=quote(f"{new} dbname="),
        properties=properties.replace("`", "\\`").replace("{database}", "$restored"),
        exists=quote(f"SELECT count(*) FROM pg_database WHERE datname = {name}"),  # noqa: S608 - quoted
        rename_old=quote(f"ALTER DATABASE {own} RENAME TO "),
        name=quote(own),
    )


def one_line(text: object) -> str:
    """Return a text for a comment of the script."""
    return " ".join(str(text).split())
