"""The `precedent` command: parses, calls, prints."""

import sys
import traceback
import warnings
from datetime import UTC, datetime

import typer
import typer.exceptions

from orchestration.cli import backfill as backfilling
from orchestration.cli import lifecycle, refresh
from orchestration.cli import maintenance as maintaining
from orchestration.cli import policy as policing
from orchestration.cli import provider as providing
from orchestration.cli import provider_file as declaring
from orchestration.cli import report as reporting
from orchestration.cli import search as finding
from orchestration.cli import source as sourcing
from orchestration.cli import space as spacing
from orchestration.cli import tenant as configuration
from orchestration.cli import usage as spending
from orchestration.cli import vector_store as storing
from orchestration.cli.output import errors
from precedent.errors import PrecedentError
from precedent.settings import Settings

app = typer.Typer(
    name="precedent",
    help="Issues, pull requests, commits and incidents as searchable vectors, and what to do about an incident.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
lifecycle.register(app)
configuration.register(app)
sourcing.register(app)
maintaining.register(app)
providing.register(app)
declaring.register(app)
policing.register(app)
refresh.register(app)
backfilling.register(app)
reporting.register(app)
finding.register(app)
spacing.register(app)
spending.register(app)
storing.register(app)


def main() -> None:
    """Run the command; an error is one line on standard error, a traceback goes to a file."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The command's exit code: 0, 1 for a failure, 2 for a wrong call, 130 for an interrupt."""
    # Dagster says at every start which of its parameters are young; the pinned version makes that no news.
    warnings.filterwarnings("ignore", module="dagster")
    warnings.filterwarnings("ignore", message=r".*is currently in (beta|preview)")
    try:
        result = app(args=arguments, standalone_mode=False, prog_name="precedent")
    except PrecedentError as error:
        _say(str(error))
        return error.exit_code
    except typer.exceptions.TyperException as error:
        return _usage(error)
    except (KeyboardInterrupt, typer.Abort):
        _say("Interrupted: what was committed is kept, run the same command to go on.")
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        _say(f"Unexpected {type(error).__name__}: {_first_line(error)} The details are in {_keep_traceback()}.")
        return 1
    return result if isinstance(result, int) else 0


def _usage(error: typer.exceptions.TyperException) -> int:
    message = error.format_message()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(message)
        return 2
    context = getattr(error, "ctx", None)
    _say(message.rstrip(".") + "." + (f" See `{context.command_path} --help`." if context else ""))
    return error.exit_code


def _say(text: str) -> None:
    errors.print(" ".join(text.split()), style="red", markup=False, soft_wrap=True)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{lines[0]}." if lines else ""


def _keep_traceback() -> str:
    from orchestration.instance import log_folder

    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = log_folder(Settings.from_environment()) / f"error-{moment}.log"
    path.write_text(traceback.format_exc(), encoding="utf-8")
    path.chmod(0o600)
    return str(path)


if __name__ == "__main__":
    main()
