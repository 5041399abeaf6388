"""A private PostgreSQL for the tests, in a temporary folder, gone with the process that started it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROLE = "affluent"
ORDINARY_USERS = ("postgres", "nobody")
START_SECONDS = 30
STOP_SIGNALS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
    "synchronous_commit": "on",
}
DURABLE = {"fsync": "on"}
QUICK = {"fsync": "off", "full_page_writes": "off"}
"""Tests kill processes, never the machine: what a killed server had written is still with the kernel."""


class PostgresUnavailable(Exception):
    """No PostgreSQL binaries were found, or the server did not start."""


def find_binaries() -> Path:
    """The folder with initdb and postgres: the newest under /usr/lib/postgresql, else what PATH has."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    candidates = [*installed, *([Path(on_path)] if on_path else [])]
    if not candidates:
        message = "no PostgreSQL binaries here; install them with: sudo apt-get install postgresql"
        raise PostgresUnavailable(message)
    newest = installed[-1] if installed else candidates[-1]
    return newest.parent


@dataclass(kw_only=True)
class PostgresServer:
    """One server with its data folder. Tests may stop, kill and restart it; port and data stay."""

    binaries: Path
    folder: Path
    user: str | None
    password: str
    durability: Mapping[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """What the server wrote."""
        return self.folder / "log"

    def url(self, database: str) -> str:
        """The address of one database."""
        return f"postgresql://{ROLE}:{self.password}@127.0.0.1:{self.port}/{database}"

    def initialise(self) -> None:
        """Make the data directory, owned by the ordinary user."""
        secret = self.folder / "password"
        secret.write_text(self.password)
        if self.user:
            shutil.chown(secret, self.user)
            shutil.chown(self.folder, self.user)
        arguments = ["-D", str(self.data), "-U", ROLE, "--auth=scram-sha-256", f"--pwfile={secret}"]
        command = self._command("initdb", *arguments, "--encoding=UTF8", "--locale=C.UTF-8")
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            raise PostgresUnavailable(done.stdout + done.stderr)

    def start(self) -> None:
        """Start and wait until it answers; on the same port as before, else on a free one."""
        self.port = self.port or _free_port()
        deadline = time.monotonic() + START_SECONDS
        self.process = self._launch()
        while not self._answers():
            if time.monotonic() > deadline:
                self.stop("kill")
                raise PostgresUnavailable(self.log.read_text(errors="replace")[-2_000:])
            if self.process.poll() is not None:  # after a kill, the orphans of the old server hold the data a moment
                self.process = self._launch()
            time.sleep(0.05)

    def stop(self, how: str = "fast") -> None:
        """Stop it: `fast` (disconnect clients), `immediate` (no clean-up) or `kill` (kill -9, a crash)."""
        if self.process is None:
            return
        self.process.send_signal(STOP_SIGNALS[how])
        self.process.wait(START_SECONDS)
        self.process = None

    def restart(self, how: str = "fast") -> None:
        """Stop it that way and start it again on the same data and port."""
        self.stop(how)
        self.start()

    def create_database(self, template: str | None = None) -> str:
        """A fresh database, empty or a copy of another one that nobody uses; gives its name."""
        name = f"t_{secrets.token_hex(6)}"
        self._client("createdb", f"--template={template or 'template0'}", "--strategy=file_copy", name)
        return name

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._client("dropdb", "--force", "--if-exists", name)

    @contextmanager
    def database(self, template: str | None = None) -> Iterator[str]:
        """The URL of a fresh database, empty or a copy of another one, dropped at the end."""
        name = self.create_database(template)
        try:
            yield self.url(name)
        finally:
            self.drop_database(name)

    def _launch(self) -> subprocess.Popen[bytes]:
        options = {**OPTIONS, **self.durability, "unix_socket_directories": str(self.folder)}
        settings = [f"-c{name}={value}" for name, value in options.items()]
        command = self._command("postgres", "-D", str(self.data), "-p", str(self.port), *settings)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _command(self, program: str, *arguments: str) -> list[str]:
        """The command line: as the ordinary user, and ending with this process even when it is killed."""
        as_user = [f"--reuid={self.user}", f"--regid={_group(self.user)}", "--init-groups"] if self.user else []
        setpriv = ["setpriv", "--pdeathsig", "INT", *as_user] if shutil.which("setpriv") else []
        return [*setpriv, str(self.binaries / program), *arguments]

    def _client(self, program: str, *arguments: str) -> None:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", ROLE, "-w"]
        environment = {**os.environ, "PGPASSWORD": self.password}
        command = [str(self.binaries / program), *where, *arguments]
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)

    def _answers(self) -> bool:
        command = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(command, check=False).returncode == 0


@contextmanager
def running_server(durability: Mapping[str, str] = QUICK) -> Iterator[PostgresServer]:
    """A server of its own: made, started and removed. A benchmark asks for DURABLE."""
    binaries = find_binaries()
    with tempfile.TemporaryDirectory(prefix="affluent-pg-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(
            binaries=binaries,
            folder=Path(folder),
            user=_ordinary_user(),
            password=secrets.token_hex(16),
            durability=durability,
        )
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()


def _ordinary_user() -> str | None:
    """PostgreSQL refuses to run as root; anyone else runs it as themselves."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(user for user in ORDINARY_USERS if user in known)


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
