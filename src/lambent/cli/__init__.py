"""The command line. Each command lives in a file of its own and is an ordinary client of a running cloud."""

from __future__ import annotations

import typer

from . import backup, clock, deploy, doctor, functions, lifecycle, mail, up
from . import demo as demo_command
from .common import Failure, complain

app = typer.Typer(
    name="lambent",
    help="A serverless cloud that you own: AWS's wire protocols, on this machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up")(up.up)
app.command("down")(lifecycle.down)
app.command("status")(lifecycle.status)
app.command("env")(lifecycle.env)
app.command("deploy")(deploy.deploy)
app.command("destroy")(deploy.destroy)
app.command("invoke")(functions.invoke)
app.command("logs")(functions.logs)
app.command("demo")(demo_command.demo)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.command("copy")(backup.copy)
app.add_typer(mail.app)
app.add_typer(clock.app)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """Run the command line; a failure that the user can mend is one line on standard error and exit code 1."""
    try:
        app()
    except Failure as failure:
        complain(str(failure))
        raise SystemExit(1) from None


__all__ = ["app", "main"]
