"""The function that samples/python.yaml calls."""

from email.utils import parseaddr


def parse(address: str) -> dict[str, str]:
    """The mail address in a text. The returned mapping gives the outputs of the job."""
    name, mail = parseaddr(address)
    print(f"{name} has the address {mail}")
    return {"mail": mail}
