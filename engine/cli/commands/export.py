"""`jobfile export`: print manifests for a Kubernetes cluster, or the roles of a ledger in PostgreSQL."""

from pathlib import Path

import click

from engine.asking.exporting import attempt_to_export, sample_attempt
from engine.asking.place import Place
from engine.cli.exit_codes import GOOD
from engine.cli.place import place_options
from engine.core.yaml_text import to_yaml
from engine.hosts.carriers.kubernetes import POD, template_of
from engine.hosts.manifest import job_manifest
from engine.hosts.manifests import all_manifests, own_template
from engine.ledger.opening import roles_text

MAX_NUMBER = 1_000_000
KUBERNETES = "kubernetes"
ROLES = "roles"


@click.command("export")
@click.argument("target", metavar="kubernetes|roles", type=click.Choice((KUBERNETES, ROLES)))
@click.argument("run", metavar="[RUN]", required=False)
@click.argument("number", metavar="[NUMBER]", required=False, type=click.IntRange(1, MAX_NUMBER))
@click.option(
    "--attempt",
    "is_attempt",
    is_flag=True,
    help="Print the Job of an attempt: NUMBER of RUN, else the newest of RUN, else an example.",
)
@click.option(
    "--step", metavar="STEP", default="", help="With --attempt: the step [default: the job has none]."
)
@click.option(
    "--item",
    metavar="ITEM",
    type=click.IntRange(1, MAX_NUMBER),
    default=None,
    help="With --attempt and --step: the number of the item of its `for_each` [default: it has none].",
)
@click.option(
    "--pod",
    metavar="FILE",
    help="With --attempt: the template of its pod [default: $JOBFILE_KUBERNETES_POD, else the one that this "
    "command prints].",
)
@place_options
def command(
    target: str,
    run: str | None,
    number: int | None,
    *,
    is_attempt: bool,
    step: str,
    item: int | None,
    pod: str | None,
    place: Place,
) -> int:
    """Print manifests: the account, the Secret, the template of pods and the schedulers; or one Job.

    Put your image and the URL of the ledger into them. The leader then makes a Job for each attempt. The same
    manifests are in packaging/kubernetes/.

    With `roles`, print the SQL that makes the roles of a ledger in PostgreSQL, for its administrator:
    jobfile export roles | psql -v ON_ERROR_STOP=1 -d DATABASE. It is also in packaging/postgresql/.
    """
    if target == ROLES and is_attempt:
        raise click.UsageError("--attempt is for kubernetes")
    if not is_attempt:
        if run is not None or step or item is not None or pod is not None:
            raise click.UsageError("RUN, --step, --item and --pod are for --attempt")
        if target == ROLES:
            click.echo(roles_text(), nl=False)
            return GOOD
        click.echo(all_manifests(), nl=False)
        return GOOD
    if item is not None and not step:
        raise click.UsageError("--item is for a step; add --step")
    named = pod or place.config.environ.get(POD, "")
    template = template_of(Path(named)) if named else own_template()
    offer = sample_attempt() if run is None else attempt_to_export(place, run, number, step, item or 0)
    click.echo(to_yaml(job_manifest(offer, template)), nl=False)
    return GOOD
