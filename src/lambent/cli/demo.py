"""`lambent demo`: an application that comes with Lambent, deployed and shown at work."""

from __future__ import annotations

from typing import Annotated

import typer

from . import demo_bookstore, demo_thumbnailer
from .common import DataOption, Failure, RegionOption, data_folder

_SHOWS = {"bookstore": demo_bookstore.show, "thumbnailer": demo_thumbnailer.show}


def demo(
    application: Annotated[
        str, typer.Argument(help="The application to show: thumbnailer, bookstore.")
    ] = "thumbnailer",
    data: DataOption = None,
    region: RegionOption = "us-east-1",
) -> None:
    """Start Lambent if it is not running, deploy an application, and show it at work."""
    show = _SHOWS.get(application)
    if show is None:
        raise Failure(f"there is no demonstration called {application}; there are {' and '.join(sorted(_SHOWS))}")
    show(data_folder(data), region)
