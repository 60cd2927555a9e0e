"""A Postgres of our own on a socket, as Debian brings it."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

PASSWORD = "ge:h e/i@m#1"


@contextmanager
def running():
    """The folder of the socket, while it runs."""
    found = shutil.which("initdb") or next(
        iter(sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin/initdb")))), None
    )
    if found is None:
        pytest.skip("no Postgres here: apt-get install postgresql")
    programs = Path(os.path.realpath(found)).parent
    # The names of sockets are short, and pytest's folders closed to others.
    folder = Path(tempfile.mkdtemp(prefix="leadscore-pg-", dir="/tmp"))
    folder.chmod(0o777)
    # It refuses to run as root.
    other = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}

    def run(program, *arguments):
        subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            **other,
        )

    run(
        "initdb",
        "--auth=scram-sha-256",
        "--username=tester",
        "--no-sync",
        "--no-locale",
        "--encoding=UTF8",
        f"--pwfile={_secret(folder)}",
    )
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", f"-c listen_addresses='' -k {folder} -c fsync=off", "start")
    try:
        yield folder
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder)


def _secret(folder):
    (folder / "password").write_text(PASSWORD)
    (folder / "password").chmod(0o644)
    return folder / "password"
