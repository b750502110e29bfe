"""The ``edgefrac`` command: its subcommands, and how every failure leaves the process."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from edgefrac import durable
from edgefrac.cli import (
    bench,
    bundle,
    data,
    doctor,
    evaluate,
    explain,
    export,
    inspect,
    predict,
    serve,
    sign,
    sweep,
    train,
    verify,
)
from edgefrac.cli.endings import InterruptedBySignal, ended_by_signals, go_on, want_of_means
from edgefrac.errors import EdgeFracError, MissingExtraError
from edgefrac.shortage import is_memory, require_memory

app = typer.Typer(
    name="edgefrac",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)
app.command("export")(export.export)
app.command("bundle")(bundle.bundle)
app.command("sign")(sign.sign)
app.command("verify")(verify.verify)
app.command("predict")(predict.predict)
app.command("explain")(explain.explain)
app.command("evaluate")(evaluate.evaluate)
app.command("bench")(bench.bench)
app.command("train")(train.train)
app.command("sweep")(sweep.sweep)
app.add_typer(data.app, name="data")
app.command("inspect")(inspect.inspect)
app.command("serve")(serve.serve)
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from edgefrac import __version__

        typer.echo(f"edgefrac {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error; works in any place.")] = False,
) -> None:
    """Fracture classifiers for radiographs, from training to a phone, with proof.

    Research software, not a medical device. Exit status: 0 done; 1 a gate did not pass;
    2 wrong usage or unreadable input; 3 something optional is missing.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status; no traceback reaches the user without ``--debug``."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    return _flushed(_status([argument for argument in given if argument != "--debug"], debug))


def _status(given: list[str], debug: bool) -> int:
    try:
        with ended_by_signals():
            require_memory()
            app(given, prog_name="edgefrac")
    except InterruptedBySignal as interrupted:
        _say(given, EdgeFracError(f"ended by {interrupted.name}", hint=go_on(given)))
        return int(interrupted.code or 0)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    except Exception as error:
        if debug:
            raise
        if is_memory(error):  # what libraries tidy up at the end fails then as well
            sys.unraisablehook = lambda _: None
        told = _in_plain_words(error, given)
        _say(given, told)
        return told.exit_status
    return 0


def _flushed(status: int) -> int:
    """What was printed, brought to its place now; an error of that would come after the end, and unexplained."""
    try:
        sys.stdout.flush()
        return status
    except OSError as error:
        # what is left would be tried again at the end
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115
        if status == 0 and not isinstance(error, BrokenPipeError):  # a reader that has seen enough is no error
            _say([], durable.refused(Path("standard output"), error))
            return 2
        return status


def _in_plain_words(error: Exception, arguments: list[str]) -> EdgeFracError:
    if told := want_of_means(error, arguments):
        return told
    if isinstance(error, EdgeFracError):
        return error
    if isinstance(error, ModuleNotFoundError):
        from edgefrac.runtimes.devices import extras_with

        module = (error.name or "").split(".")[0]
        if extras := extras_with(module):
            # several parts bring torch: wanted is the one named like the command or its target, TFLite's where none is
            wanted = [*(name for argument in arguments for name in argument.split(",")), "tflite"]
            return MissingExtraError(
                f"this command (for its module {module})",
                next((name for name in wanted if name in extras), extras[0]),
            )
    cause = f"{type(error).__name__}: {error}".splitlines()[0]
    return EdgeFracError(f"internal error: {cause}", hint="run it again with --debug for the traceback, and report it")


def _say(arguments: list[str], error: EdgeFracError) -> None:
    """Say what went wrong, on standard error; with ``--json``, standard output is a JSON document all the same."""
    print(f"error: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"hint: {error.hint}", file=sys.stderr)
    if "--json" in arguments:
        with suppress(OSError):  # it may be what went wrong
            print(json.dumps({"error": error.message, "hint": error.hint}), flush=True)
