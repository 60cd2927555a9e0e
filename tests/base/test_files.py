"""Files are replaced whole or not at all, open nothing to anybody, follow nobody's lead, and are never an input."""

import errno
import os
import resource
import stat
import threading
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from leadscore.base.files import is_read_at, locked, replacing, sweep

OLD = b"yesterday"


def write(path, data=b"new"):
    with replacing(path) as file:
        file.write(data)


def mode(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


def forked(work):
    """What happens in a process of its own: its limits and its umask end with it."""
    process = get_context("fork").Process(target=work)
    process.start()
    process.join(20)
    assert process.exitcode == 0


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert list(tmp_path.rglob(".*.part")) == []


@pytest.mark.parametrize("name", ["x", "x" * 255, "é" * 127, "a\nb", "[a-z]*?", os.fsdecode(b"\xff\xfe"), " ", "-x"])
def test_any_name_a_file_can_have(name):
    write(name)
    write(name, b"newer")
    assert Path(name).read_bytes() == b"newer"


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o644, 0o664, 0o400, 0o000, 0o777])
def test_a_replaced_file_keeps_its_permissions(kept):
    Path("x").write_bytes(OLD)
    Path("x").chmod(kept)
    inode = Path("x").stat().st_ino
    if os.geteuid() != 0 and not kept & 0o200:
        with pytest.raises(PermissionError):
            write("x")
        return
    write("x")
    assert (mode("x"), Path("x").read_bytes()) == (kept, b"new")
    assert Path("x").stat().st_ino != inode


@pytest.mark.parametrize(("mask", "made"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_what_the_umask_gives(mask, made):
    def work():
        os.umask(mask)
        write("x")
        assert mode("x") == made

    forked(work)


def test_nobody_can_open_the_part_of_a_private_file():
    Path("x").write_bytes(OLD)
    Path("x").chmod(0o600)
    with replacing("x") as file:
        assert mode(file.name) == 0o600


def test_a_replaced_file_keeps_its_owner():
    Path("x").write_bytes(OLD)
    # Only root may give files away; others find their own.
    owner = (1234, 2345) if os.geteuid() == 0 else (os.geteuid(), Path("x").stat().st_gid)
    os.chown("x", *owner)
    write("x")
    assert (Path("x").stat().st_uid, Path("x").stat().st_gid) == owner


def test_where_the_group_cannot_be_kept_another_gets_no_rights(monkeypatch):
    def refuse(*_):
        raise PermissionError

    Path("x").write_bytes(OLD)
    Path("x").chmod(0o664)
    monkeypatch.setattr(os, "fchown", refuse)
    write("x")
    assert mode("x") == 0o604


def test_lists_of_who_may_read_are_kept_and_none_is_taken_from_the_folder():
    Path("x").write_bytes(OLD)
    try:
        os.setxattr("x", "user.origin", b"crm")
    except OSError:
        pytest.xfail("this file system has no attributes")
    write("x")
    assert os.getxattr("x", "user.origin") == b"crm"


def test_a_link_stays_and_what_it_leads_to_is_replaced():
    Path("real").mkdir()
    Path("real/x").write_bytes(OLD)
    Path("one").symlink_to("two")
    Path("two").symlink_to("real/x")
    write("one")
    assert Path("one").is_symlink()
    assert Path("two").is_symlink()
    assert Path("real/x").read_bytes() == b"new"


@pytest.mark.parametrize("first", ["one", "two", "itself"])
def test_links_that_lead_back_to_themselves_are_refused_and_stay(first):
    for name, other in (("one", "two"), ("two", "one"), ("itself", "itself")):
        Path(name).symlink_to(other)
    with pytest.raises(OSError, match="a link that leads back to itself") as error:
        write(first)
    assert (error.value.errno, error.value.filename) == (errno.ELOOP, first)
    assert sorted(path.name for path in Path().iterdir() if path.is_symlink()) == ["itself", "one", "two"]
    assert not [*Path().glob(".*")]


def test_a_part_that_somebody_laid_out_is_not_followed(monkeypatch):
    Path("victim").write_bytes(b"precious")
    monkeypatch.setattr("os.urandom", lambda _: b"guessed")
    Path(f".x.{b'guessed'.hex()}.part").symlink_to("victim")
    with pytest.raises(FileExistsError) as raised:
        write("x")
    assert raised.value.filename.endswith("/x")
    assert Path("victim").read_bytes() == b"precious"


def test_parts_that_killed_runs_left_are_removed_and_those_of_other_files_are_not():
    marks = "0123456789abcdef"
    for name in ("x", "x.csv", "x.parquet.old", "y"):
        Path(f".{name}.{marks}.part").touch()
        os.utime(f".{name}.{marks}.part", (1, 1))
    sweep(Path("x"))
    kept = [f".{name}.{marks}.part" for name in ("x.csv", "x.parquet.old", "y")]
    assert sorted(path.name for path in Path().iterdir()) == kept
    for name in kept:
        Path(name).unlink()


@pytest.mark.parametrize("data", [b"a" * 100, b"a" * 10_000_000], ids=["only at the end", "while writing"])
def test_a_full_disk_leaves_the_old_file(data):
    Path("x").write_bytes(OLD)

    def work():
        import signal  # noqa: PLC0415

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))
        for path in ("x", "new"):
            with pytest.raises(OSError, match="too large") as error:
                write(path, data)
            assert error.value.filename == path

    forked(work)
    assert [*Path().iterdir()] == [Path("x")]
    assert Path("x").read_bytes() == OLD


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_ends_the_writing_leaves_the_old_file(failure):
    def work():
        with replacing("x") as file:
            file.write(b"half")
            raise failure

    Path("x").write_bytes(OLD)
    with pytest.raises(failure):
        work()
    assert Path("x").read_bytes() == OLD


def test_a_device_and_a_pipe_are_written_to():
    Path("null").symlink_to("/dev/null")
    write("null")
    assert stat.S_ISCHR(Path("null").stat().st_mode)
    os.mkfifo("pipe")
    read = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_bytes()))
    reader.start()
    while True:
        try:
            write("pipe", b"through")
        except OSError:  # The reader is not there yet.
            continue
        break
    reader.join(10)
    assert read == [b"through"]
    assert stat.S_ISFIFO(Path("pipe").stat().st_mode)


def test_a_pipe_that_nobody_reads_is_not_waited_for():
    os.mkfifo("pipe")
    with pytest.raises(OSError, match="nobody reads this pipe"):
        write("pipe")


@pytest.mark.parametrize("own", [1, 2])
def test_what_this_process_prints_to_is_written_on(own):
    Path("log").write_bytes(b"before\n")

    def work():
        os.dup2(os.open("log", os.O_WRONLY | os.O_APPEND), own)
        write(f"/dev/fd/{own}", b"new\n")
        os.write(own, b"after\n")

    forked(work)
    assert Path("log").read_bytes() == b"before\nnew\nafter\n"


class TestInputs:
    @pytest.fixture(autouse=True)
    def files(self):
        Path("data/deep").mkdir(parents=True)
        for name in ("a.csv", "data/b.csv", "data/deep/c.csv", "[x].csv"):
            Path(name).write_bytes(OLD)
        Path("link.csv").symlink_to("a.csv")
        Path("twice.csv").symlink_to("link.csv")
        Path("linked").symlink_to("data")
        os.link("a.csv", "hard.csv")
        os.link("data/b.csv", "of_folder.csv")

    @pytest.mark.parametrize(
        ("out", "source"),
        [
            *(("a.csv", one) for one in ("a.csv", "./a.csv", "data/../a.csv", "link.csv", "twice.csv", "hard.csv")),
            *((one, "a.csv") for one in ("link.csv", "twice.csv", "hard.csv", ".//a.csv")),
            *(
                ("data/b.csv", one)
                for one in ("data", "linked", "data/", ".", "..", "data/*.csv", "*/b.csv", "d*/?.csv")
            ),
            *(("data/b.csv", one) for one in ("**/*.csv", "linked/*.csv", "linked/b.csv", "data/deep/../b.csv")),
            *(("of_folder.csv", one) for one in ("data", "data/*.csv")),
            # Not there yet, but the next run would read it.
            *(("data/new.csv", one) for one in ("data", "linked", "data/*.csv", "linked/*.csv", "**/*.csv")),
            *(("linked/new.csv", one) for one in ("data", "data/*.csv")),
            ("[x].csv", "[x].csv"),
            ("new.csv", "new.csv"),
        ],
    )
    def test_is_read(self, out, source):
        assert is_read_at(out, source)
        assert is_read_at(Path.cwd() / (out), source)
        assert is_read_at(Path(out), Path.cwd() / (source))

    @pytest.mark.parametrize(
        ("out", "source"),
        [
            ("new.csv", "a.csv"),
            ("new.csv", "data"),
            ("a.csv", "data"),
            ("new.csv", "data/*.csv"),
            ("data/new.csv", "*.csv"),
            ("data/deep/new.csv", "data/*.csv"),
            ("data/new.parquet", "data/*.csv"),
            ("data.csv", "data"),
            ("a.csv", "[x].csv"),
            ("/dev/null", "/dev/null"),
        ],
    )
    def test_is_not_read(self, out, source):
        assert not is_read_at(out, source)


class TestLock:
    def test_who_comes_second_says_so_and_waits(self):
        said, order = [], []

        def second():
            with locked("x", lambda: said.append("waits")):
                order.append("second")

        with locked("x", lambda: said.append("no")):
            other = threading.Thread(target=second)
            other.start()
            other.join(0.3)
            assert (said, order) == (["waits"], [])
            order.append("first")
        other.join(10)
        assert order == ["first", "second"]

    def test_a_link_and_the_file_are_one(self):
        Path("link").symlink_to("x")
        said = []
        with locked("x", lambda: None):
            other = threading.Thread(target=lambda: locked("link", lambda: said.append(1)).__enter__())
            other.daemon = True
            other.start()
            other.join(0.3)
            assert said == [1]
        other.join(10)

    def test_many_are_one_at_a_time(self):
        inside, most, said = [], [], []

        def one():
            with locked("x", lambda: said.append(1)):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.01)
                inside.pop()

        runs = [threading.Thread(target=one) for _ in range(20)]
        for run in runs:
            run.start()
        for run in runs:
            run.join(10)
        assert most == [1] * 20
        assert said

    def test_a_killed_run_blocks_nobody(self):
        def work():
            locked("x", lambda: None).__enter__()
            os.kill(os.getpid(), 9)

        process = get_context("fork").Process(target=work)
        process.start()
        process.join(20)
        assert process.exitcode == -9
        with locked("x", lambda: pytest.fail("it is not held")):
            pass

    def test_what_lies_in_place_of_the_lock_is_not_followed(self):
        Path("victim").write_bytes(OLD)
        Path(".x.lock").symlink_to("victim")
        with pytest.raises(OSError, match="symbolic links"), locked("x", lambda: None):
            pass
