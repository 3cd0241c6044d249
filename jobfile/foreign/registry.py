"""Every format of another tool that is recognised; one more format is one more line here."""

from typing import Final

from jobfile.foreign.crontab import CRONTAB
from jobfile.foreign.dagu import DAGU
from jobfile.foreign.github import GITHUB
from jobfile.foreign.kestra import KESTRA
from jobfile.foreign.kind import Format
from jobfile.foreign.kubernetes import KUBERNETES
from jobfile.foreign.ofelia import OFELIA
from jobfile.foreign.pipelines import AIRFLOW, ANSIBLE, COMPOSE, GITLAB
from jobfile.foreign.systemd import SYSTEMD
from jobfile.foreign.yacron import YACRON

FORMATS: Final[tuple[Format, ...]] = (
    CRONTAB,
    SYSTEMD,
    OFELIA,
    AIRFLOW,
    KUBERNETES,
    GITHUB,
    YACRON,
    KESTRA,
    DAGU,
    COMPOSE,
    GITLAB,
    ANSIBLE,
)
"""In this order: a file belongs to the first format whose signs it has."""
