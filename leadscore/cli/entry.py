"""The command line's start and end: errors as plain text, exit codes, the version."""

from __future__ import annotations

import atexit
import gc
import io
import os
import signal
import sys
import warnings
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# Names of the package are used as `ls.score`, and the parts that one command needs are imported by that command, so
# that `leadscore --help` need not wait for them.
import leadscore as ls
from leadscore.errors import visible


class _Commands(TyperGroup):
    """Errors are for people: what went wrong goes to stderr as plain text, never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ls.LeadscoreError as error:
            typer.echo(str(error), err=True)
        except OSError as error:
            where = f"{visible(os.fsdecode(error.filename))}: " if error.filename else ""
            typer.echo(f"{where}{error.strerror or error}", err=True)
        except MemoryError:
            typer.echo("There is not enough memory for this.", err=True)
        raise typer.Exit(1)


app = typer.Typer(
    cls=_Commands,
    help="Score leads by a rulebook that marketing and sales agree on.",
    epilog="New here? Type 'leadscore demo', or 'leadscore init my-leads' for files to change.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 an error in what was given, 2 bad usage, 130 interrupted.

    And of `learn` 3 if the gate does not pass, of `drift` and `run` 4 on an alarm, of `init` 5 if it leaves questions
    open.
    """
    # A job that is stopped tidies up after itself as one that fails.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    _connect()
    # What a start makes stays: looking through it for what can go would take a tenth of it.
    gc.set_threshold(100_000)
    # pydantic would look for plug-ins in every package that is installed.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    warnings.showwarning = lambda message, *_: typer.echo(f"warning: {message}", err=True)
    try:
        app(prog_name="leadscore")
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else 0)
    except KeyboardInterrupt:
        _leave(130)


class _Output(io.FileIO):
    """Where a stream goes. Whoever reads it may have stopped, as `head` does: that ends no work, and is no error."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data) or 0
        except BrokenPipeError:
            return len(data)
        except OSError as error:
            error.filename = "stderr" if self.fileno() == 2 else "stdout"
            raise


class _Printed(io.TextIOBase):
    """A stream that says nothing to a terminal but what people read: no name can colour or move it.

    A letter that its encoding lacks is written as its code.
    """

    def __init__(self, number: int, stream: io.TextIOWrapper | None) -> None:
        terminal = stream is not None and stream.isatty()
        below = stream.buffer if stream and terminal else io.BufferedWriter(_Output(number, "w", closefd=False))
        encoding = stream.encoding if stream else "utf-8"
        self._text = io.TextIOWrapper(below, encoding, "backslashreplace", line_buffering=terminal or number == 2)

    def isatty(self) -> bool:
        return self._text.isatty()

    def flush(self) -> None:
        self._text.flush()

    def write(self, text: str) -> int:
        self._text.write("\n".join(visible(line) for line in text.split("\n")))
        return len(text)


def _connect() -> None:
    """Print to streams that are there, whatever is closed."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            # The number is the lowest free one: left free, the next file that is opened would be printed into.
            os.open(os.devnull, os.O_RDWR)
        if number:
            setattr(sys, name, _Printed(number, getattr(sys, name)))


def _leave(code: int) -> None:
    """End the process at once, all output written.

    While the interpreter takes itself apart, Arrow's threads may still let go of Python objects; one run in some
    hundreds aborts there, after its work is done (apache/arrow#34314). So it is not taken apart.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        if not code:
            typer.echo(f"stdout: {error.strerror}", err=True)
        code = code or 1
    with suppress(OSError):
        sys.stderr.flush()
    if "joblib" in sys.modules:
        # Workers leave a folder behind, which is removed there.
        atexit._run_exitfuncs()  # noqa: SLF001 - what the interpreter calls first
    os._exit(code)


def _version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        typer.echo(f"leadscore {ls.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None: ...
