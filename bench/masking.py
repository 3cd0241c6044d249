"""Output of a job with secrets: how much of it is masked in a second."""

import base64
import random
import time

from engine.supervisor.masking import Masker

OUTPUT_BYTES = 16 * 1024 * 1024
READ_BYTES = 65_536
ROUNDS = 3
"""The best counts: what is measured is the work, not what else the machine does."""
PROMISED_MB = 20


def measure() -> list[dict]:
    dice = random.Random(1)
    line = "2026-11-29T03:00:{:02d}Z INFO worker-{} processed item {} in {:.3f} ms\n"
    lines = "".join(
        line.format(at % 60, at % 7, dice.randrange(10**9), dice.random()) for at in range(20_000)
    ).encode()
    text = (lines * (OUTPUT_BYTES // len(lines) + 1))[:OUTPUT_BYTES]
    secrets = {
        "a token of 32 bytes": dice.randbytes(16).hex(),
        "a token of 8 KB": dice.randbytes(4096).hex(),
        "a PEM key, RSA 2048": _pem(dice.randbytes(1190)),
        "a PEM key, RSA 4096": _pem(dice.randbytes(2350)),
    }
    return [_row(name, max(_rate(secret, text) for _ in range(ROUNDS))) for name, secret in secrets.items()]


def _pem(body: bytes) -> str:
    encoded = base64.encodebytes(body).decode()
    return f"-----BEGIN RSA PRIVATE KEY-----\n{encoded}-----END RSA PRIVATE KEY-----\n"


def _rate(secret: str, text: bytes) -> float:
    """Megabytes of a log that are masked in a second, in parts as a pipe gives them."""
    masker = Masker([secret])
    begin = time.perf_counter()
    for at in range(0, len(text), READ_BYTES):
        masker.feed(text[at : at + READ_BYTES])
    return len(text) / 1e6 / (time.perf_counter() - begin)


def _row(name: str, figure: float) -> dict:
    return {
        "name": f"output masked, {name}",
        "figure": figure,
        "unit": "MB/s",
        "reference": "the promise",
        "reference_figure": PROMISED_MB,
        "ratio": figure / PROMISED_MB,
        "promise": "at least 1",
    }
