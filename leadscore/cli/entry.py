"""The command line's start and end: errors as plain text, exit codes, the version."""

from __future__ import annotations

import errno
import os
import signal
import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

# Names of the package are used as `ls.score`, and the parts that one command needs are imported by that command, so
# that `leadscore --help` need not wait for them.
import leadscore as ls


class _Commands(TyperGroup):
    """Errors are for people: what went wrong goes to stderr as plain text, never as a traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ls.LeadscoreError as error:
            typer.echo(str(error), err=True)
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise
            where = f"{error.filename}: " if error.filename else ""
            typer.echo(f"{where}{error.strerror or error}", err=True)
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

    And of `learn` 3 if the gate does not pass, of `drift` 4 on an alarm.
    """
    # A job that is stopped tidies up after itself as one that fails.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    for stream in (sys.stdout, sys.stderr):
        # A name that the terminal's encoding lacks must not end the run.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="leadscore")
    except SystemExit as end:
        _leave(end.code if isinstance(end.code, int) else 0)


def _leave(code: int) -> None:
    """End the process at once, all output written.

    While the interpreter takes itself apart, Arrow's threads may still let go of Python objects; one run in some
    hundreds aborts there, after its work is done (apache/arrow#34314). So it is not taken apart.
    """
    # Whoever reads our output may have stopped, as `head` does; that is no error worth a word.
    with suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
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
