"""The manifests of a whole set-up in Kubernetes: the account, the ledger's URL, the pods, the schedulers."""

from pathlib import Path
from typing import Final

from engine.hosts.manifest import Manifest, read_template
from jobfile.diagnostics.source import Source
from jobfile.syntax.document import parse_document

FILES: Final = ("rights.yaml", "ledger.yaml", "pods.yaml", "schedulers.yaml")
"""In the order in which they are applied."""
TEMPLATE: Final = "pod.yaml"
_FOLDER: Final = Path(__file__).parent


def all_manifests() -> str:
    """All documents, as one text."""
    return "---\n".join((_FOLDER / name).read_text("utf-8") for name in FILES)


def own_template() -> Manifest:
    """The template of pods that is in them."""
    document, _ = parse_document(Source("pods.yaml", (_FOLDER / "pods.yaml").read_text("utf-8")))
    assert document is not None
    return read_template(TEMPLATE, document.tree["data"][TEMPLATE])
