"""``edgefrac serve``: the reading room."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgefrac.cli.options import Model
from edgefrac.cli.output import note
from edgefrac.errors import MissingExtraError


def serve(
    model: Model = None,
    host: Annotated[str, typer.Option(help="Address to listen at; beyond this machine, clients need a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes a free one.")] = 8000,
    state: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of the work list [default: edgefrac in the XDG state folder]."),
    ] = None,
    readers: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes that read images [default: one per core].")
    ] = None,
    token: Annotated[
        bool | None,
        typer.Option("--token/--no-token", help="Whether clients need the token [default: beyond this machine]."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Name of this server that requests may use without token; may be repeated."),
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, max=1024, help="Largest body of a request, in MiB.")] = 512,
    requests_per_second: Annotated[float, typer.Option(min=0, help="Of one client; 0 sets no limit.")] = 100.0,
    watch: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Read images that appear in this folder, too.")
    ] = None,
    dicom_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, metavar="PORT", help="Take images by DICOM (C-STORE) at this port, too."),
    ] = None,
    ae_title: Annotated[str, typer.Option(metavar="TITLE", help="How the DICOM node is called.")] = "EDGEFRAC",
    allow_ae: Annotated[
        list[str] | None,
        typer.Option(metavar="TITLE", help="Take images from this AE only [default: from all]; may be repeated."),
    ] = None,
    send: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL", help="Send answers to images of a PACS there: dicom://TITLE@HOST:PORT, or a DICOMweb server."
        ),
    ] = None,
    pull: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="Fetch new images of a DICOMweb server: https://HOST/PREFIX?Modality=DX."),
    ] = None,
    waiting: Annotated[int, typer.Option(min=1, help="Images that may wait before further ones are refused.")] = 1000,
    keep_days: Annotated[float, typer.Option(min=0, help="How long an image stays in the list when it is done.")] = 7.0,
) -> None:
    """Read radiographs that come by page, REST, DICOM or folder, and keep a work list."""
    from edgefrac.serve.check import missing

    if missing():
        raise MissingExtraError("edgefrac serve", "serve")
    from edgefrac.serve.pacs import PacsWanted
    from edgefrac.serve.running import Wanted, run

    wanted = Wanted(
        model=model,
        host=host,
        port=port,
        state=state,
        readers=readers,
        token=token,
        host_names=tuple(allow_host or ()),
        max_megabytes=max_megabytes,
        requests_per_second=requests_per_second,
        waiting=waiting,
        keep_days=keep_days,
        watch=watch,
        pacs=PacsWanted(dicom_port, ae_title, tuple(allow_ae or ()), tuple(send or ()), tuple(pull or ())),
    )
    run(wanted, note)
