"""`lambent backup`, `restore` and `copy`: a whole cloud into a file, out of one, and from one engine to another."""

from __future__ import annotations

from typing import Annotated

import typer

from .common import BlobsOption, DataOption, StoreOption

SkipMissing = Annotated[
    bool, typer.Option("--skip-missing", help="Go on without bodies that are named but not there, and count them.")
]


def backup(
    file: Annotated[str, typer.Argument(help="The file to write; - is standard output.")],
    data: DataOption = None,
    store: StoreOption = "",
    blobs: BlobsOption = "",
    skip_missing: SkipMissing = False,
) -> None:
    """Write the whole cloud to one file while it goes on serving."""
    from . import moving  # deferred, here and below: engines and archives are of no use to the other commands

    moving.backup(file, data, store, blobs, skip_missing)


def restore(
    file: Annotated[str, typer.Argument(help="The backup to read; - is standard input.")],
    data: DataOption = None,
    store: StoreOption = "",
    blobs: BlobsOption = "",
) -> None:
    """Make a cloud of a backup, in a place that is empty."""
    from . import moving

    moving.restore(file, data, store, blobs)


def copy(
    source: Annotated[str, typer.Option("--from", help="A data folder or a store's address.")],
    target: Annotated[str, typer.Option("--to", help="An empty data folder or an empty store's address.")],
    source_blobs: Annotated[str, typer.Option("--from-blobs", help="Where the bodies of --from are.")] = "",
    target_blobs: Annotated[str, typer.Option("--to-blobs", help="Where the bodies go.")] = "",
    skip_missing: SkipMissing = False,
) -> None:
    """Copy a cloud from one engine to another; what is written to the first one meanwhile stays behind."""
    from . import moving

    moving.copy((source, source_blobs), (target, target_blobs), skip_missing)
