"""The server's data directory: made once, configured at each start, with our roles in it."""

import contextlib
import json
import os
import secrets
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import psycopg
from psycopg import sql

from regulars.runtime import disk
from regulars.runtime.postgres.accounts import Account
from regulars.runtime.postgres.archive import MOST_KEPT
from regulars.runtime.postgres.binaries import Binaries
from regulars.runtime.postgres.places import PORT, Place
from regulars.runtime.postgres.trouble import DatabaseTrouble

SUPERUSER, OWNER, APP, READER = "postgres", "regulars_owner", "regulars_app", "regulars_reader"
DATABASE = "regulars"
#: What a data directory is called that a restore has moved out of its way.
BEFORE = "data.before-"
#: Pages of tables that the server keeps by itself. More costs whoever empties a table: it looks through all of them.
LEAST_BUFFERS_MB, MOST_BUFFERS_MB = 256, 2_048
#: Where the system says what a container may take: of the newer control groups and of the older.
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
SHARED_MEMORY, LEAST_SHARED_MEMORY = Path("/dev/shm"), 256 * 1024**2  # noqa: S108 - only measured


@dataclass(frozen=True)
class Passwords:
    """One a role, 256 random bits each."""

    postgres: str
    regulars_owner: str
    regulars_app: str
    regulars_reader: str


def passwords(home: Path) -> Passwords:
    """The roles' passwords, kept in `<home>/keys/database.json`, 0600; made at first use."""
    file = home / "keys" / "database.json"
    if not file.exists():
        file.parent.mkdir(mode=0o700, exist_ok=True)
        made = {role: secrets.token_urlsafe(32) for role in (SUPERUSER, OWNER, APP, READER)}
        disk.write_whole(file, json.dumps(made))
    return Passwords(**json.loads(file.read_text()))


def url(place: Place, *, role: str, password: str, database: str = DATABASE) -> str:
    """A PostgreSQL URL through the socket."""
    where = urlencode({"host": str(place.socket), "port": PORT})
    return f"postgresql://{role}:{quote(password, safe='')}@/{database}?{where}"


def urls(place: Place, kept: Passwords) -> dict[str, str]:
    """`owner` migrates, `app` serves, `reader` looks."""
    by_role = asdict(kept)
    return {
        name: url(place, role=role, password=by_role[role])
        for name, role in (("app", APP), ("owner", OWNER), ("reader", READER))
    }


def buffers_mb(memory_mb: int) -> int:
    """Of so much memory what the server keeps of tables by itself: a sixteenth. The rest is for its sessions, for our
    other processes, and for the system to keep files in."""
    return min(max(memory_mb // 16, LEAST_BUFFERS_MB), MOST_BUFFERS_MB)


def memory_mb() -> int:
    """What the machine has, or a container is given of it."""
    told = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for limit in MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            # Where there is no such file, or no number in it, nobody set a limit.
            told.append(int(limit.read_text()))
    return min(told) // 1024**2


def _settings(place: Place, *, durable: bool) -> dict[str, str]:
    chosen = {
        "listen_addresses": "",
        "unix_socket_directories": str(place.socket),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "password_encryption": "scram-sha-256",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        # A crash with a full gigabyte to replay takes some twenty seconds on two old cores.
        "max_wal_size": "1GB",
        "checkpoint_timeout": "5min",
        "wal_compression": "on",
        # Between two rounds of who writes the log (0.2 s) what is written in bulk fills a thirty-second of
        # `shared_buffers`, the default: then sessions write it themselves, a few pages at a time, behind one lock.
        "wal_buffers": "32MB",
        "max_slot_wal_keep_size": MOST_KEPT,
        "log_startup_progress_interval": "1s",
        "shared_buffers": f"{buffers_mb(memory_mb()) if durable else LEAST_BUFFERS_MB}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": "128MB",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "idle_in_transaction_session_timeout": "15min",
        # A failing statement and the DETAIL of a violated constraint carry people's data; the log must not.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
    }
    if SHARED_MEMORY.exists() and shutil.disk_usage(SHARED_MEMORY).total < LEAST_SHARED_MEMORY:
        # A container often has 64 MB there, and a parallel query that does not fit fails.
        chosen["dynamic_shared_memory_type"] = "mmap"
    if not durable:
        # Without autovacuum a test's plans do not depend on when it came by.
        chosen |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}
        # What makes a password dear to guess costs each new session two milliseconds, and tests open thousands.
        chosen["scram_iterations"] = "1"
    return chosen


def configure(place: Place, *, account: Account, durable: bool) -> None:
    """Write our settings. What an operator adds to `postgresql.conf` below the include line wins over them."""
    file = place.data / "regulars.conf"
    quoted = {name: value.replace("'", "''") for name, value in _settings(place, durable=durable).items()}
    disk.write_whole(file, "".join(f"{name} = '{value}'\n" for name, value in quoted.items()))
    os.chown(file, account.uid, account.gid)


def _initdb_arguments(binaries: Binaries) -> list[str]:
    if binaries.version >= (17, 0):
        # The built-in locale sorts by code point with Unicode's letter rules and cannot change under an index,
        # as the C library's and ICU's do at an upgrade of the system.
        return ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
    return ["--locale=C.UTF-8"]


def make(binaries: Binaries, place: Place, *, account: Account, kept: Passwords, durable: bool) -> None:
    """A new data directory, whole or not at all: it gets its name when it is finished."""
    half, secret = place.root / "data.new", place.root / "superuser.new"
    if half.exists():
        shutil.rmtree(half)
    try:
        disk.write_whole(secret, kept.postgres)
        os.chown(secret, account.uid, account.gid)
        done = subprocess.run(
            [
                binaries.program("initdb"),
                f"--pgdata={half}",
                f"--username={SUPERUSER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--data-checksums",
                *_initdb_arguments(binaries),
                *([] if durable else ["--no-sync"]),
            ],
            check=False,
            capture_output=True,
            text=True,
            cwd=place.root,
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            **account.for_process(),
        )
    finally:
        secret.unlink(missing_ok=True)
    if done.returncode != 0:
        raise DatabaseTrouble(f"A new database could not be made in {place.root}:\n{done.stderr.strip()}")
    with (half / "postgresql.conf").open("a") as file:
        file.write("\ninclude 'regulars.conf'  # written at every start; settings below this line win\n")
    half.rename(place.data)


def check_version(binaries: Binaries, place: Place) -> None:
    """Refuse a data directory of another major version before the server does it in its own words."""
    made_by = int((place.data / "PG_VERSION").read_text().strip())
    if made_by != binaries.version[0]:
        raise DatabaseTrouble(
            f"The database in {place.data} was made by PostgreSQL {made_by}, and the programs in {binaries.folder} "
            f"are of version {binaries.version[0]}. Use programs of version {made_by} (REGULARS_POSTGRES_BIN), "
            f"or dump with the old version and restore into the new one."
        )


def ensure_roles(place: Place, kept: Passwords) -> None:
    """The owner, the app's and the reader's role, and the database. Harmless when they are there already."""
    by_role = asdict(kept)
    admin = url(place, role=SUPERUSER, password=kept.postgres, database="postgres")
    with psycopg.connect(admin, autocommit=True) as server:
        present = {name for (name,) in server.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in (OWNER, APP, READER):
            if role not in present:
                server.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEROLE NOBYPASSRLS PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(by_role[role])
                    )
                )
        server.execute(sql.SQL("ALTER ROLE {} SET default_transaction_read_only = on").format(sql.Identifier(READER)))
        if not server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            server.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER))
            )
        server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
        # Set-based verbs put what they are told into temporary tables first.
        for rights, role in (("CONNECT, TEMPORARY", APP), ("CONNECT", READER)):
            server.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
                    sql.SQL(rights), sql.Identifier(DATABASE), sql.Identifier(role)
                )
            )
    with psycopg.connect(url(place, role=OWNER, password=kept.regulars_owner), autocommit=True) as database:
        database.execute(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(sql.Identifier(READER)))
        database.execute(
            sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {}").format(
                sql.Identifier(READER)
            )
        )
