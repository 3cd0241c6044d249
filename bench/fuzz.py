"""Coverage-guided fuzzing by hand: `python -m bench.fuzz SECONDS`, after `pip install atheris`.

Begins with every case, page and sample; mutates by line, token and byte; keeps what reaches new code in
.fuzz/corpus and what fails in .fuzz/crash-*. A finding becomes a file in tests/language/cases/found.
"""

import random
import re
import sys

from tests.known import ROOT, known_files

WORK = ROOT / ".fuzz"
MAX_INPUT = 8_192
TOKEN = re.compile(rb"\s+|\w+|\W")


def seeds() -> list[bytes]:
    """Every text in the project that is, or nearly is, a job file."""
    paths = [*known_files("tests/language/cases", "*.yaml"), *known_files("samples", "*.yaml")]
    texts = [path.read_bytes() for path in paths]
    for page in known_files("jobfile/pages", "*.md"):
        texts += re.findall(rb"(?s)```yaml[^\n]*\n(.*?)```", page.read_bytes())
    return [text for text in texts if len(text) <= MAX_INPUT]


def tokens_of(texts: list[bytes]) -> list[bytes]:
    """What mutations insert: words of the language, signs, and values at the edge of what is allowed."""
    words = {word for text in texts for word in re.findall(rb"[\w./:@*-]{1,30}", text)}
    pieces = {piece for text in texts for piece in re.findall(rb"\{\{.*?\}\}|\[.*?\]|\{.*?\}", text)}
    edges = (
        b"0 -1 1e400 1e-400 9223372036854775808 99999999999999999999999999 ~ null true .inf 0x1f 1_0 {{ }}"
    )
    signs = b"[ ] { } , : - ? | > ' \" # & * ! % @ ` \\ << $( ${ $(( \\u2028 \xe2\x80\xa8 \xc2\xa0 \x00 \xff"
    return sorted({*words, *pieces, *edges.split(), *signs.split(), b"\n", b"\n  ", b"\t", b": ", b"- "})


def mutate(data: bytes, chance: random.Random, texts: list[bytes], tokens: list[bytes]) -> bytes:
    """One to four changes to a text."""
    for _ in range(chance.randint(1, 4)):
        parts = data.splitlines(keepends=True) if chance.random() < 0.4 else TOKEN.findall(data)
        if not parts:
            return chance.choice(texts)
        at = chance.randrange(len(parts))
        match chance.randrange(8):
            case 0:
                del parts[at]
            case 1:
                parts.insert(chance.randrange(len(parts)), parts[at])
            case 2:
                other = chance.randrange(len(parts))
                parts[at], parts[other] = parts[other], parts[at]
            case 3:
                parts[at] = chance.choice(tokens)
            case 4:
                parts.insert(at, chance.choice(tokens))
            case 5:
                lines = chance.choice(texts).splitlines(keepends=True) or [b""]
                start = chance.randrange(len(lines))
                parts[at:at] = lines[start : start + chance.randint(1, 6)]
            case 6:
                parts[at] = chance.choice([b" ", b"  ", b""]) + parts[at]
            case 7:
                parts[at] = bytes(sign ^ (1 << chance.randrange(8)) for sign in parts[at][:1]) + parts[at][1:]
        data = b"".join(parts)
    return data[:MAX_INPUT]


def main(seconds: int) -> None:
    """Fuzz for a while; ends with an exception at the first finding."""
    import atheris  # noqa: PLC0415  not a dependency: whoever fuzzes installs it

    with atheris.instrument_imports(include=["jobfile"]):
        from tests.language.oracle import examine, split_files  # noqa: PLC0415  it is instrumented

    texts = seeds()
    tokens = tokens_of(texts)
    start, corpus = WORK / "seeds", WORK / "corpus"
    for folder in (start, corpus):
        folder.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(texts):
        (start / f"{number:04}").write_bytes(text)

    def mutator(data: bytes, max_size: int, seed: int) -> bytes:
        chance = random.Random(seed)
        made = (
            atheris.Mutate(data, max_size) if chance.random() < 0.1 else mutate(data, chance, texts, tokens)
        )
        return made[:max_size]

    options = [f"-max_total_time={seconds}", f"-max_len={MAX_INPUT}", f"-artifact_prefix={WORK}/"]
    options += ["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]
    atheris.Setup(
        [sys.argv[0], *options, str(corpus), str(start)],
        lambda data: examine(split_files(data)),
        custom_mutator=mutator,
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
