"""Scripts and values for the shell compiler: hand-made contexts, hostile values, random nested scripts."""

import random
from collections.abc import Sequence

V = "{{v}}"
"""Stands for a template in a script."""

CONTEXTS = (
    f"printf '%s' {V}",
    f'printf "%s" "{V}"',
    f"printf '%s' '{V}'",
    f"printf '%s' \"\"{V}''",
    f"x={V}; printf '%s' \"$x\"",
    f'x="{V}"; printf \'%s\' "$x"',
    f"x='{V}' sh -c 'printf \"%s\" \"$x\"'",
    f"sh -c 'printf %s \"$1\"' sh {V}",
    f"printf '%s' \"$(printf '%s.' {V})\" | sed '$s/[.]$//'",
    f"y=$(printf '%s.' {V}); printf '%s' \"${{y%.}}\"",
    f"y=$(printf '%s.' \"{V}\"); printf '%s' \"${{y%.}}\"",
    f"y=\"$(printf '%s.' '{V}')\"; printf '%s' \"${{y%.}}\"",
    f"(printf '%s' {V})",
    f"{{ printf '%s' {V}; }}",
    f"if true; then printf '%s' {V}; fi",
    f"for x in {V}; do printf '%s' \"$x\"; done",
    f"case {V} in *) printf '%s' {V} ;; esac",
    f"case x in {V}) echo no ;; *) printf '%s' {V} ;; esac",
    f"y=$(case {V} in a) echo no ;; *) printf '%s.' {V} ;; esac); printf '%s' \"${{y%.}}\"",
    f"test -n {V}.; printf '%s' {V}",
    f"[ {V}. = . ] || true; printf '%s' {V}",
    f"# {V} it's a comment\nprintf '%s' {V}",
    f"cat <<END >/dev/null\nit's {V}\nEND\nprintf '%s' {V}",
    f"cat <<-END >/dev/null\n\t\"{V}\n\tEND\nprintf '%s' {V}",
    f"cat <<A <<B >/dev/null\n{V}\nA\n{V}\nB\nprintf '%s' {V}",
    f"cat <<'END' >/dev/null\n$(no) `no`\nEND\nprintf '%s' {V}",
    f"printf '%s' {V} 2>/dev/null",
    f"true && printf '%s' {V} || true",
    f"f() {{ printf '%s' \"$1\"; }}; f {V}",
    f"printf '%s' \\\n  {V}",
    f"echo \"it's\" >/dev/null; printf '%s' {V}",
    f"echo $# \"$#\" >/dev/null; printf '%s' {V}",
    f"x=1; echo $((x + 1)) >/dev/null; printf '%s' {V}",
)
"""Each prints exactly the value, in dash and in bash."""

_ODD = (
    "",
    " ",
    "  two  words ",
    "*",
    "~",
    "$HOME",
    "${HOME}",
    "$(touch PWNED)",
    "`touch PWNED`",
    "$((1+1))",
    "'",
    '"',
    "''",
    "it's",
    'say "hi"',
    "\\",
    "\\\\",
    "\\n",
    "a\\",
    "-n",
    "-e",
    "--",
    "-rf",
    "/",
    "; touch PWNED",
    "& touch PWNED",
    "| touch PWNED",
    "&& touch PWNED",
    "\n",
    "\ntouch PWNED\n",
    "a\nb",
    "END",
    "A",
    "B",
    "\nEND\n",
    "\nEND\ntouch PWNED\n",
    "#",
    "# x",
    "!",
    "!!",
    "{a,b}",
    "[a]",
    "[!a]",
    "?",
    "a[$(touch PWNED)]",
    "a[`touch PWNED`]",
    "x[0$(touch PWNED)]=1",
    "() { :; }; touch PWNED",
    "$'\\x41'",
    "%s",
    "%n%d",
    "=",
    "a=b",
    "PATH=/",
    "<(touch PWNED)",
    ">(touch PWNED)",
    "<PWNED",
    ">PWNED",
    ">>PWNED",
    "2>PWNED",
    "<<END",
    "\t",
    "\ttab",
    "é",
    "ü",
    "日本語",
    "😀",
    "\u202e",
    "\x01",
    "\x7f",
    "$1",
    "$@",
    "$*",
    "$$",
    "$?",
    "$-",
    "${x:-$(touch PWNED)}",
    "${JF_1}",
    "$JF_1",
    "{{v}}",
    "{{ v }}",
    "}}",
    ")",
    "(",
    "esac",
    "fi",
    "done",
    ";;",
    "a)b",
    "*)",
    "true",
    "0",
    "08",
    "1e3",
    "-1",
    "a" * 5000,
    "$(" * 50,
    "'''''''''''''''''''''''''''''''''''''''''''''''''''",
    '"""""""""""""""""""""""""""""""""""""""""""""""""""',
    "\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'\\'",
    "; } touch PWNED",
    ") touch PWNED",
    "fi; touch PWNED",
    "'; touch PWNED; '",
    '"; touch PWNED; "',
)
HOSTILE = tuple(dict.fromkeys(_ODD))


def nested(chance: random.Random, depth: int = 3) -> tuple[str, int]:
    """A random script that prints some values, and how many: each in `<…>` lines."""
    if depth == 0:
        return chance.choice(_PRINTS), 1
    kind = chance.choice(("seq", "sub", "group", "if", "case", "capture", "comment", "heredoc", "two"))
    inner, count = nested(chance, depth - 1)
    if kind == "seq":
        other, more = nested(chance, depth - 1)
        return f"{inner}\n{other}", count + more
    if kind == "capture" and "<<" not in inner:
        # bash 5.2 loses assignments after a here-document in $( ), with or without a template.
        return f"z=$( {inner}\n); printf '%s\\n' \"$z\"", count
    if kind == "two":
        body = f"cat >/dev/null <<ONE; cat <<TWO\nnot ' shown \" (\nONE\n<{V}>\nTWO\n{inner}"
        return body, count + 1
    shapes = {
        "capture": f"( {inner}\n)",
        "sub": f"( {inner}\n)",
        "group": f"{{ {inner}\n}}",
        "if": f'if [ -n "x" ]; then\n{inner}\nelse echo "it\'s"; fi',
        "case": f"case \"a b\" in (x|y) echo ')' ;; a*)\n{inner}\n;; esac",
        "comment": f"# don't \" ( `\n{inner}\n# it's (",
        "heredoc": f"cat <<-'EOF' >/dev/null\n\t$(' \" {{ `\n\tEOF\n{inner}",
    }
    return shapes[kind], count


_PRINTS = (
    f"printf '<%s>\\n' {V}",
    f"printf '<%s>\\n' \"{V}\"",
    f"printf '<%s>\\n' '{V}'",
    f"q={V}; printf '<%s>\\n' \"$q\"",
    f"cat <<END\n<{V}>\nEND",
    f"for w in {V}; do printf '<%s>\\n' \"$w\"; done",
    f"printf '<%s>\\n' \"$(printf '%s' {V})\"",
)


def offsets(script: str) -> Sequence[tuple[int, int]]:
    """Where the templates stand."""
    found, at = [], script.find(V)
    while at != -1:
        found.append((at, at + len(V)))
        at = script.find(V, at + len(V))
    return found
