"""`jobfile metrics`: the numbers that a monitoring system collects."""

from functools import partial
from pathlib import Path

import click

from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.place import place_options
from engine.core.errors import JobfileError
from engine.core.extras import not_installed
from engine.host.atomic_write import write_open
from engine.ledger.opening import open_view

MAX_PORT = 65_535


@click.command("metrics")
@click.option(
    "--listen", metavar="HOST:PORT", help="Serve them at /metrics until Ctrl-C or SIGTERM: 127.0.0.1:9464."
)
@click.option("--textfile", metavar="PATH", help="Write them to a file, for node_exporter [default: stdout].")
@place_options
def command(listen: str | None, textfile: str | None, *, place: Place) -> int:
    """The metrics of jobs, queues, notifications and the engine, in the text form of Prometheus.

    It reads the ledger, so it also works while the engine is stopped, and reports that.

    Needs the extra: pip install 'jobfile[metrics]'
    """
    if listen and textfile:
        raise click.UsageError("--listen and --textfile: choose one of them")
    address = _address(listen) if listen else None
    try:
        from engine.service.metrics import MetricsServer  # noqa: PLC0415  start-up time, and an extra that may be missing
    except ModuleNotFoundError as error:
        raise not_installed("the metrics need", error, extra="metrics") from error
    if address is None:
        content = _metrics(place)
        if textfile:
            write_open(Path(textfile), content)
        else:
            click.echo(content.decode(), nl=False)
        return GOOD
    host, port = address
    try:
        server = MetricsServer(host, port, partial(_metrics, place))
    except OSError as error:
        raise JobfileError(f"cannot listen on {listen}: {error.strerror or error}") from error
    click.echo(server.url, err=True)
    server.serve_forever()
    return GOOD


def _metrics(place: Place) -> bytes:
    """The text of this moment. Raises NothingRecordedError when there is no ledger."""
    from engine.service.metrics import collect, metrics_text  # noqa: PLC0415  start-up time, and an extra that may be missing

    place.view().close()  # it refuses a state folder of others, and explains a ledger that is not there
    view = open_view(place.config.ledger_url)
    try:
        return metrics_text(collect(place.config, view, now=place.now()))
    finally:
        view.close()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > MAX_PORT:
        raise click.UsageError(f"--listen: expected HOST:PORT, such as 127.0.0.1:9464, found '{text}'")
    return host.removeprefix("[").removesuffix("]"), int(port)
