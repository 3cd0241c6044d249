"""Shrinks one photo with Pillow; the result is written completely or not at all."""

import argparse
import os
import sys
import tempfile
import warnings
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

BAD_INPUT = 65
"""Exit code (EX_DATAERR): a retry with the same file would not help."""

NOT_THERE = 66
"""Exit code (EX_NOINPUT)."""


def resize(source, target, edge):
    """Write source to target, with at most `edge` pixels on its longer edge; return both sizes."""
    with Image.open(source) as photo:
        upright = ImageOps.exif_transpose(photo).convert("RGB")
        smaller = upright.copy()
        smaller.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            smaller.save(file, "JPEG", quality=85, optimize=True)
        Path(unfinished).chmod(0o644)
        Path(unfinished).replace(target)
    except BaseException:
        Path(unfinished).unlink(missing_ok=True)
        raise
    return upright.size, smaller.size


def main():
    """Exit code 0: resized; 65: not a photo; 66: no such file."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--edge", type=int, default=800, help="pixels of the longer edge")
    options.add_argument("source", type=Path)
    options.add_argument("target", type=Path)
    given = options.parse_args()
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        before, after = resize(given.source, given.target, given.edge)
    except FileNotFoundError:
        print(f"{given.source} does not exist", file=sys.stderr)
        return NOT_THERE
    except UnidentifiedImageError:
        print(f"{given.source} is not a photo", file=sys.stderr)
        return BAD_INPUT
    except (OSError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        print(f"{given.source} cannot be resized: {error}", file=sys.stderr)
        return BAD_INPUT
    print(f"{given.target}: {before[0]}x{before[1]} -> {after[0]}x{after[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
