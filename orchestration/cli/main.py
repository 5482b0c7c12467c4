"""The `precedent` command: parses, calls, prints. Only the module of the command that is called is read."""

import atexit
import contextlib
import gc
import logging
import os
import pwd
import sys
import traceback
import warnings
from datetime import UTC, datetime
from importlib import import_module
from typing import NamedTuple

import typer
import typer.exceptions

from orchestration.cli import output
from precedent.database.actor import Actor, acting
from precedent.errors import PrecedentError, UsageError
from precedent.folders import make_private
from precedent.plain_text import SURROGATES
from precedent.settings import Settings


class Command(NamedTuple):
    """Where a command is, and what the list of commands says of it.

    Attributes:
        help: One line.
        module: Its module, below `orchestration.cli`.
        attribute: A function, or a Typer application with commands of its own.
    """

    help: str
    module: str
    attribute: str


COMMANDS = {
    "demo": Command("Load a sample, make everything of it and show the result.", "operations.demo", "demo"),
    "up": Command("Start Dagster's web server and daemon, with the database.", "operations.server", "up"),
    "hub": Command("Start the hub: pages and interfaces for people and programs.", "operations.hub", "hub"),
    "down": Command("Stop what `up` started, and the embedded database.", "operations.server", "down"),
    "doctor": Command("Look at what the platform needs, and say what is missing.", "operations.doctor", "doctor"),
    "maintenance": Command("Remove what is old, or count it.", "operations.maintenance", "maintenance"),
    "tenant": Command("Tenants, which never see each other's rows.", "tenant", "app"),
    "member": Command("Members: the people of a tenant, and what they may do.", "access.member", "app"),
    "token": Command("Tokens: keys by which programs use the hub's interfaces.", "access.token", "app"),
    "audit": Command("Show who did what, from where, and what was before.", "access.audit", "audit"),
    "source": Command("Sources: where records come from.", "source", "sources"),
    "refresh": Command("Bring a source up to date, in this process.", "operations.refresh", "refresh"),
    "backfill": Command("Queue runs of many sources, behind live work.", "operations.backfill", "backfill"),
    "search": Command("Find items by meaning and words.", "search.search", "search"),
    "similar": Command("Find what resembles an item.", "search.search", "similar"),
    "recommend": Command("Say what to do about an incident.", "search.recommend", "recommend"),
    "report": Command("Write a source's newest quality report as one HTML file.", "quality.report", "report"),
    "thresholds": Command("When a quality report fails.", "quality.thresholds", "app"),
    "space": Command("Spaces: the vectors of one model, of which search uses one.", "space", "app"),
    "store": Command("Vector stores: a copy of a tenant's vectors in Qdrant.", "vector_store", "app"),
    "provider": Command(
        "AI providers of a tenant: embeddings and text generation.", "providers.declaration", "providers"
    ),
    "policy": Command("What a tenant allows its providers.", "providers.policy", "policy"),
    "route": Command("Which provider a kind of work asks first.", "providers.route", "app"),
    "usage": Command("What calls to providers have used and cost.", "providers.usage", "ledger"),
}


# Python looks for cycles after every few hundred new objects; the modules of a command are a million that stay.
OBJECTS_BETWEEN_COLLECTIONS = 100_000


def main() -> None:
    """Run the command; an error is one line on standard error, a traceback goes to a file."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    code = run(sys.argv[1:])
    # To free a million objects one by one before the process ends anyway takes a quarter of a refresh: what was
    # registered for the end is done (the embedded database is given back), the rest is left to the system.
    atexit._run_exitfuncs()
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def run(arguments: list[str]) -> int:
    """The command's exit code: 0, 1 for a failure, 2 for a wrong call, 130 for an interrupt."""
    # Dagster says at every start which of its parameters are young; the pinned version makes that no news.
    warnings.filterwarnings("ignore", module="dagster")
    warnings.filterwarnings("ignore", message=r".*is currently in (beta|preview)")
    logging.lastResort = output.LogLines(logging.WARNING)
    try:
        _check_text(arguments)
        with acting(Actor("command", _user())):
            result = application(arguments)(args=arguments, standalone_mode=False, prog_name="precedent")
    except PrecedentError as error:
        output.fail(str(error))
        return error.exit_code
    except typer.exceptions.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        output.fail("Interrupted: what was committed is kept, run the same command to go on.")
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        path = _keep_traceback()
        output.fail(f"Unexpected {type(error).__name__}: {_first_line(error)} The details are in {path}.")
        return 1
    return result if isinstance(result, int) else 0


def _check_text(arguments: list[str]) -> None:
    """Refuse arguments whose bytes are no UTF-8: what they name could be neither stored nor found nor printed.

    Raises:
        UsageError: one is not.
    """
    for argument in arguments:
        if SURROGATES.search(argument):
            raise UsageError(f"The argument {argument[:100]!r} is not UTF-8: write it so, or rename what it names.")


def application(arguments: list[str]) -> typer.Typer:
    """The commands; of all but the one that is called only name and help."""
    app = typer.Typer(
        name="precedent",
        help="Issues, pull requests, commits and incidents as searchable vectors, and what to do about an incident.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, command in COMMANDS.items():
        if name != called:
            app.command(name, help=command.help)(_not_read)
            continue
        found = getattr(import_module(f"orchestration.cli.{command.module}"), command.attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _not_read() -> None:
    """Stands for a command in the list of commands."""


def _user() -> str:
    """Who is logged in, as the operating system says it; `LOGNAME` and the like can say anything."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.getuid())


def _usage(error: typer.exceptions.TyperException) -> int:
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        output.write(f"{message}\n")
        return 2
    context = getattr(error, "ctx", None)
    output.fail(message.rstrip(".") + "." + (f" See `{context.command_path} --help`." if context else ""))
    return error.exit_code


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{lines[0]}." if lines else ""


def _keep_traceback() -> str:
    folder = make_private(make_private(Settings.from_environment().home) / "logs")
    path = folder / f"error-{datetime.now(UTC):%Y%m%dT%H%M%S}.log"
    path.write_text(traceback.format_exc(), encoding="utf-8")
    path.chmod(0o600)
    return str(path)


if __name__ == "__main__":
    main()
