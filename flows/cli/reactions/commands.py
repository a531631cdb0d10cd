"""The commands of `acci reactions`."""

import typer

from acci.flows.cli.reactions import dead_letters, rewind, running, show, simulate

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.command("list")(running.list_)
app.command("show")(show.show)
app.command("register")(running.register)
app.command("pause")(running.pause)
app.command("resume")(running.resume)
app.command("rewind")(rewind.rewind)
app.command("simulate")(simulate.simulate)
app.command("timers")(running.timers)
app.add_typer(dead_letters.app, name="dead-letters", help="What could not be decided or delivered.")
