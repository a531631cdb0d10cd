"""The list of commands, and the one place where an error becomes a sentence."""

import sys
from typing import Annotated

import typer

from acci.domain.errors import AcciError
from acci.flows.cli import (
    aggregate,
    as_of,
    check_schemas,
    config,
    contract,
    dead_letters,
    deploy,
    doctor,
    erase,
    findings,
    follow,
    generations,
    health,
    history,
    import_,
    metrics,
    migrate,
    new,
    query,
    react,
    send,
    serve,
    simulate,
    status,
    up,
    url,
    watch,
    worker,
)
from acci.flows.cli.output import finish_output, open_output
from acci.flows.cli.printing import as_json, passage
from acci.flows.cli.reactions import commands as reactions
from acci.flows.cli.run import commands


class UnusableArgument(AcciError):
    """An argument of the command line that is no text; the first is 1."""

    place: int
    problem: str

    sentence = "Argument {place} cannot be used: {problem}."


class UnusableFile(AcciError):
    """The system refuses a file."""

    name: str
    problem: str

    sentence = "The file {name} cannot be used: {problem}."


app = typer.Typer(
    name="acci",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("new")(new.new)
app.command("up")(up.up)
app.command("deploy")(deploy.deploy)
app.command("migrate")(migrate.migrate)
app.command("config")(config.config)
app.command("url")(url.url)
app.command("follow")(follow.follow)
app.command("react")(react.react)
app.command("worker")(worker.worker)
app.command("status")(status.status)
app.command("watch")(watch.watch)
app.command("health")(health.health)
app.command("doctor")(doctor.doctor)
app.command("metrics")(metrics.metrics)
app.command("serve")(serve.serve)
app.command("send")(send.send)
app.command("query")(query.query)
app.command("as-of")(as_of.as_of)
app.command("aggregate")(aggregate.aggregate)
app.command("import")(import_.import_)
app.command("simulate")(simulate.simulate)
app.command("history")(history.history)
app.command("erase")(erase.erase)
app.command("check-schemas")(check_schemas.check_schemas)
app.command("coverage", hidden=True)(check_schemas.coverage)
app.command("contract")(contract.contract)
app.command("findings")(findings.findings)
app.add_typer(dead_letters.app, name="dead-letters", help="Events that a projection could not apply.")
app.add_typer(reactions.app, name="reactions", help="What follows from events: seen, paused, rewound, simulated.")
app.add_typer(generations.app, name="generations", help="The builds of read models.")
app.add_typer(commands.app, name="run", help="Run a flow here and now: the same that the deployments run.")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"acci {version('acci')}")
        raise typer.Exit


@app.callback()
def acci(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Event sourcing on PostgreSQL: commands append events; flows turn them into read models and audit them."""


def main() -> None:
    """Runs the command line. What ACCI refuses ends as one sentence on stderr and exit code 1, wrong usage as 2.

    So does what the database refuses for a reason outside the program. With --json the sentence comes as
    {"error": …, "type": …}. Anything else that is raised is a fault of the program and keeps its traceback.
    """
    try:
        open_output()
        _check_arguments()
        try:
            app(prog_name="acci")
        finally:
            finish_output()
    except Exception as error:
        refusal = error if isinstance(error, AcciError) else _refusal_of(error)
        if refusal is None:
            raise
        try:
            _say(refusal)
        except OSError:
            sys.stderr = None  # nothing can be printed; at exit Python would try again, and exit with 120
        sys.exit(1)


def _check_arguments() -> None:
    """Python passes bytes that are not UTF-8 as lone surrogates, which can be neither stored nor printed."""
    for place, word in enumerate(sys.argv[1:], 1):
        if not word.isascii() and word != word.encode(errors="replace").decode():
            raise UnusableArgument(place, "it is not UTF-8")
        if "\0" in word:
            raise UnusableArgument(place, "it has the character NUL")


def _say(refusal: AcciError) -> None:
    """On stderr: as the answer in JSON that was asked for, as a line of a log that is JSON, or as a sentence."""
    logs = sys.modules.get("acci.flows.runtime.logs")  # of a command that logs
    if "--json" in sys.argv:
        typer.echo(as_json({"error": str(refusal), "type": type(refusal).__name__}, sys.stderr), err=True)
    elif logs is not None and logs.are_json():
        logs.log.error("%s", refusal, extra={"error": type(refusal).__name__})
    else:
        typer.echo(passage(f"acci: {refusal}"), err=True)


def _refusal_of(error: Exception) -> AcciError | None:
    if isinstance(error, OSError) and isinstance(error.filename, str):
        name = error.filename if len(error.filename) < 200 else f"{error.filename[:200]}…"
        return UnusableFile(name, error.strerror or type(error).__name__)
    if "psycopg" not in sys.modules:
        return None
    from acci.store.postgres.refusals import refusal_of

    return refusal_of(error)
