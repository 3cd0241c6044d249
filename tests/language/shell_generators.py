"""Scripts and values for the shell compiler: hand-made contexts, hostile values, random nested scripts."""

import random
import re
from collections.abc import Iterator, Sequence

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
    f"printf '%s' {V} | cat",
    f"! false && printf '%s' {V}",
    f"while printf '%s' {V}; do break; done",
    f"until printf '%s' {V}; do :; done",
    f"f() (\n  printf '%s' \"$1\"\n)\nf {V}",
    f"f () {{ case $1 in {V}) printf '%s' {V} ;; esac; }}; f {V}",
    f"y=$(case x in (a|b) echo no;; (x) printf '%s.' {V};; esac); printf '%s' \"${{y%.}}\"",
    f'y="$(cat <<A\n{V}.\nA\n)"; y=${{y%.}}; printf \'%s\' "$y"',
    f"y=$(cat <<'A B'\n')\" $(\nA B\nprintf '%s.' {V}); y=${{y#*(}}; y=${{y#?}}; printf '%s' \"${{y%.}}\"",
    f"cat <<E\"O\"F >/dev/null\n$( `\nEOF\nprintf '%s' {V}",
    f"cat <<\\END >/dev/null\n`$(\nEND\nprintf '%s' {V}",
    f"cat <<END >/dev/null\n$(printf '%s' \"{V}\") \\\nEND\n\"'\nEND\nprintf '%s' {V}",
    f"(cat <<END\n{V}\nEND\n) >/dev/null; printf '%s' {V}",
    f"printf '%s' {V} 3>&2 2>/dev/null 1>&1",
    f">/dev/null 2>&1 true; printf '%s' {V}",
    f"echo \"${{x:-a b}} ${{x:-}}$$\" >/dev/null; printf '%s' {V}",
    f"echo `echo \"it's\"` >/dev/null; printf '%s' {V}",
    f"((true) ; printf '%s' {V})",
    f"case in in in) printf '%s' {V} ;; esac",
    f"for in in {V}; do printf '%s' \"$in\"; done",
    f"for x\nin {V}\ndo printf '%s' \"$x\"\ndone",
    f"set -- {V}\nfor x do printf '%s' \"$x\"; done",
    f"echo if case x in >/dev/null; printf '%s' {V}",
    f"[ {V} -eq 1 ] 2>/dev/null || printf '%s' {V}",
    f"env A=1 sh -c 'printf %s \"$1\"' sh {V}",
    f"A={V} sh -c 'printf %s \"$A\"'",
    f"sh -ec 'printf %s \"$1\"' -- {V}",
    f"command printf '%s' {V}",
    f"xargs sh -c 'printf %s \"$1\"' sh {V} </dev/null",
    f"printf '%s' \"a\"\"$x\"{V} | sed '1s/^a//'",
    f"{{ printf '%s' {V}\n}} 2>/dev/null",
    f"if [ x ] && ! [ {V}. = y ]; then printf '%s' {V}; elif false; then :; else :; fi",
    f"printf '%s'\\\n {V} \\\n2>/dev/null",
    f"x=$((1 + (2 * 3))); printf '%s' {V}",
    f"x=$(( $(echo 1) + 1 )); printf '%s' {V}",
    f"trap 'printf %s \"$y\"' EXIT; y={V}",
    f"eval 'printf %s \"$y\"' ; printf '%s' {V}",
    f"echo x#y '#' \\# >/dev/null; printf '%s' {V} # it's",
    f"export E={V} E2='{V}'; printf '%s' \"$E\"",
    f'export "E=a{V}"; printf \'%s\' "${{E#a}}"',
    f"f() {{ local v={V}; printf '%s' \"$v\"; }}; f",
    f"readonly R={V}; printf '%s' \"$R\"",
)
"""Each prints exactly the value, in dash and in bash."""

BASH_CONTEXTS = (
    f"[[ {V} == {V} ]] && printf '%s' {V}",
    f"[[ -n {V}. && ( a < b || x =~ ^(a|b c)[[:space:]]$ ) ]] && printf '%s' {V}",
    f"[[ x{V} =~ ^x{V}$ ]] && printf '%s' {V}",
    f"a=({V} \"{V}\" '{V}'); printf '%s' \"${{a[1]}}\"",
    f"a=( # it's\n  [2]={V}\n); a+=({V}); printf '%s' \"${{a[@]:0:1}}\"",
    f"declare -A m; m[k]={V}; printf '%s' \"${{m[k]}}\"",
    f'declare -A m; m["a b"]={V}; printf \'%s\' "${{m[a b]}}"',
    f"a[1 + 1]={V}; printf '%s' \"${{a[2]}}\"",
    f"((x = 1 << 2)); printf '%s' {V}",
    f"for ((i = 0; i < 1; i++)); do printf '%s' {V}; done",
    f"for ((;;)) {{ printf '%s' {V}; break; }}",
    f"(( 1 )) && printf '%s' {V}",
    f"cat <(printf '%s' {V})",
    f"printf '%s' {V} > >(cat); wait",
    f"function f {{ printf '%s' \"$1\"; }}; f {V}",
    f"function f() {{ printf '%s' {V}; }} 2>/dev/null; f",
    f"case x in x) ;& y) printf '%s' {V} ;;& *) ;; esac",
    f"x=$(case x in x) :;& y) printf '%s.' {V};; esac); printf '%s' \"${{x%.}}\"",
    f"printf '%s' {V} |& cat",
    f"true &>/dev/null {V}; printf '%s' {V}",
    f"exec {{fd}}>/dev/null; printf '%s' {V}",
    f"cat <<< {V} >/dev/null; printf '%s' {V}",
    f"time -p printf '%s' {V}",
    f"time {{ printf '%s' {V}; }}",
    f"coproc cat </dev/null; printf '%s' {V}",
    f"coproc N {{ :; }}; printf '%s' {V}",
    f"echo $'it\\'s' $\"x\" >/dev/null; printf '%s' {V}",
    f"select x in {V}; do :; done </dev/null >/dev/null 2>&1; printf '%s' {V}",
    f"shopt -s extglob\ncase a in @(a|b)) printf '%s' {V} ;; esac",
    f"[[ a == @(a|{V}) ]] && printf '%s' {V}",
    f"x=abc; echo \"${{x//[a']']/}} ${{x/b/}}\" >/dev/null; printf '%s' {V}",
    f"local_={V}; export local_; x=$(printf '%s.' {V}); printf '%s' \"${{x%.}}\"",
    f"f() {{ local x=$(printf '%s.' {V}); printf '%s' \"${{x%.}}\"; }}; f",
    f"declare d={V}; typeset t=$d; printf '%s' \"$d\"",
    f"f() {{ local -r v={V}; declare -gx w={V}; }}; f; printf '%s' \"$w\"",
    f"if [[ $(echo {V} | wc -l) -eq 0 ]]; then :; fi; printf '%s' {V}",
)
"""Each prints exactly the value, in bash."""

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
    "\r",
    "a\r\nb\r",
    "  leading",
    "trailing  ",
    "\n\nleading",
    "trailing\n\n",
    "\t\n \t",
    "a[0]",
    "@",
    "-v",
    "-c",
    "-va[$(touch PWNED)]",
    "a[$(touch PWNED)]=1",
    "a[b[$(touch PWNED)]]",
    "x=$(touch PWNED)",
    "0+a[$(touch PWNED)]",
    "{}",
    "\u2028",
    "\u00a0",
    "a" * 100_000,
    "'; touch PWNED; '",
    '"; touch PWNED; "',
)
HOSTILE = tuple(dict.fromkeys(_ODD))


def nested(chance: random.Random, depth: int = 3, *, is_bash: bool = False) -> tuple[str, int]:
    """A random valid script that prints values, each in `<…>` lines, and their number."""
    if depth == 0:
        return chance.choice(_PRINTS + (_BASH_PRINTS if is_bash else ())), 1
    inner, count = nested(chance, depth - 1, is_bash=is_bash)
    if chance.random() < 0.5:
        inner = f"{chance.choice(_FILL + (_BASH_FILL if is_bash else ()))}\n{inner}"
    kind = chance.choice(
        ("two lines", "two heredocs", "capture", *_SHAPES, *(_BASH_SHAPES if is_bash else ()))
    )
    if kind == "two lines":
        other, more = nested(chance, depth - 1, is_bash=is_bash)
        return f"{inner}\n{other}", count + more
    if kind in ("capture", "substitution") and "<<" in inner:
        return f"( {inner}\n)", count
    if kind == "capture":
        # bash 5.2 loses assignments after a here-document inside $( ), with or without a template.
        return f"z=$( {inner}\n); printf '%s\\n' \"$z\"", count
    if kind == "two heredocs":
        body = f"cat >/dev/null <<ONE; cat <<TWO\nnot ' shown \" (\nONE\n<{V}>\nTWO\n{inner}"
        return body, count + 1
    return {**_SHAPES, **_BASH_SHAPES}.get(kind, "( %s\n)").replace("%s", inner), count


_SHAPES = {
    "subshell": "( %s\n)",
    "group": "{ %s\n}",
    "if": 'if [ -n "x" ]; then\n%s\nelse echo "it\'s"; fi',
    "case": "case \"a b\" in (x|y) echo ')' ;; a*)\n%s\n;; esac",
    "while": "while :; do\n%s\nbreak; done",
    "function": "f() {\n%s\n}; f; unset -f f",
    "pipe": "{ %s\n} | cat",
    "comment": "# don't \" ( `\n%s\n# it's (",
    "heredoc": "cat <<-'EOF' >/dev/null\n\t$(' \" {{ `\n\tEOF\n%s",
    "else": "if false; then :; elif false; then :; else\n%s\nfi",
}
_BASH_SHAPES = {
    "for": "for ((k = 0; k < 1; k++)); do\n%s\ndone",
    "conditional": "if [[ a == [a-c] && ! ( b < a ) ]]; then\n%s\nfi",
    "keyword": "function g {\n%s\n}; g",
    "substitution": "cat <( %s\n)",
    "falls": "case a in a) ;& b)\n%s\n;;& z) ;; esac",
    "timed": "! { %s\nfalse; }",
}
_PRINTS = (
    f"printf '<%s>\\n' {V}",
    f"printf '<%s>\\n' \"{V}\"",
    f"printf '<%s>\\n' '{V}'",
    f"q={V}; printf '<%s>\\n' \"$q\"",
    f"cat <<END\n<{V}>\nEND",
    f"for w in {V}; do printf '<%s>\\n' \"$w\"; done",
    f"printf '<%s>\\n' \"$(printf '%s' {V})\"",
    f"case {V} in {V}) printf '<%s>\\n' {V} ;; esac",
    f'env A=1 sh -c \'printf "<%s>\\n" "$1"\' sh {V}',
    f'A={V} sh -c \'printf "<%s>\\n" "$A"\'',
    f"[ {V}. = . ] || printf '<%s>\\n' {V}",
    f': "$V#"{V}; printf "<%s>\\n" {V}',
    f"if [ {V} -eq 1 ] 2>/dev/null; then :; fi; printf '<%s>\\n' {V}",
)
_BASH_PRINTS = (
    f"a=({V} x); printf '<%s>\\n' \"${{a[0]}}\"",
    f"[[ x{V} == x{V} ]] && printf '<%s>\\n' {V}",
    f"cat <<< '<'{V}'>'",
    f"printf '<%s>\\n' {V} > >(cat); wait",
    f"declare -A m; m[k]={V}; printf '<%s>\\n' \"${{m[k]}}\"",
)
_FILL = (
    "N=; x=$((1 + 2)); : ${x:-it}",
    "# isn't",
    ': "it\'s ${N:-none} $# $?" >/dev/null',
    "cd . && : `echo x`",
    ": a=b if case esac done '(' \\(",
    ": <<'E F'\n$( '\nE F",
    "case x in esac",
    "g() { return 0; }",
    ": $(case a in a) echo ')' ;; esac)",
    "[ -d . ] || exit 1",
    ": \\\n  2>&1 </dev/null",
    ": *.txt [a-z]* {a,b} ~ !",
)
_BASH_FILL = (
    "((x = 1 << 2, x++))",
    'b=(1 2 "a b"); b[1 + 1]=x; b+=(y)',
    "[[ $x =~ ^(a|b c)+$ ]] || :",
    ": &>/dev/null {a..c} $'it\\'s'",
    ': "${b[@]}" ${#b[@]} ${x//a/b} ${!x:-}'.replace(" ${!x:-}", ""),
)

RISKY = (
    f"eval {V}", f"sh -c {V}", f'sh -c "echo {V}"', f"sh -ec {V}", f"sh -c -e {V}", f"bash -xc {V}",
    f"sh -c 'echo \"$1\"' sh {V}", f"$S -c {V}", f"sh >&2 -c {V}", f"sh </dev/null -c {V}",
    f"find . -maxdepth 0 -exec sh -c {V} \\;", f"echo | xargs sh -c {V}", f"trap {V} EXIT", f". {V}",
    f"[[ {V} -eq 1 ]]", f"[[ 1 -lt {V} ]]", f"[[ -v {V} ]]", f"[ -v {V} ]", f"test -v {V}",
    f"[ {V} -eq 1 ]", f"[ {V} {V} ]", f"printf -v {V} x", f"printf {V} x", f"printf {V} {V}",
    f"declare {V}=1", f"declare -i x={V}", f"export {V}", f"x={V}; : {V}", f"readonly x={V}", f"unset {V}",
    f"read {V} </dev/null", f"let {V}", f"let x={V}", f"getopts a {V}", f"wait {V}",
    f"arr[{V}]=1", f'arr["{V}"]=1', f"arr=([{V}]=1)", f"arr+=([0{V}]+=1)", f"arr[ {V} ]=1",
    f"echo $(( {V} ))", f'echo "$(( {V} + 1 ))"', f"(( x = {V} ))", f"for ((i = {V}; 0; )); do :; done",
    f"echo $[ {V} ]", f"echo ${{x:-{V}}}", f"echo ${{arr[{V}]}}", f"echo `echo {V}`", f"echo $'{V}'",
    f"sh <<END\n{V}\nEND", f"sh -s <<END\n{V}\nEND", f"sh <<< {V}", f"echo {V} | sh",
    f"cat <<END | sh\n{V}\nEND",
    f"mapfile -C {V} -c 1 x <<< a", f"compgen -W {V}", f"alias ls={V}; ls", f"{V} x", f"{V}=1", f"x{V}=1",
    f"{{ echo {V}; }} | sh", f"(printf %s {V}) | bash", f"for i in {V}; do echo {V}; done | sh -s",
    f"echo >&{V}", f"echo 2>& x{V}", f"echo &>{V}", f"echo <& {V}", f"RANDOM={V}", f"SECONDS={V}; : $SECONDS",
    f"PS4={V}; set -x; :", f"BASH_ENV={V} bash -c :", f"declare -i n; n={V}", f"declare -n n; n={V}; : $n",
    f'exec {{a["{V}"]}}>/dev/null', f"for OPTIND in {V}; do :; done", f"coproc {V} {{ :; }}",
    f"python3 -c {V}", f"perl -e {V}", f"env -S {V}", f"exec {V}", f"set {V}", f"shift {V}", f"exit {V}",
    f"cd {V}", f"echo {V} > ./x{V}", f"hash {V}", f"type {V}", f"kill -0 {V}", f"ulimit -n {V}",
    f"umask {V}", f"return {V}", f"caller {V}", f"pushd {V}", f"[[ {V} == {V} ]]",
    f"[[ a =~ {V} ]]", f"[[ -t {V} ]]",
    f"case {V} in {V}) :;; esac", f"for {V} in a; do :; done", f"select {V} in a; do :; done </dev/null",
)  # fmt: skip
"""Commands that run a value, and others that look as if they might."""
_WRAPPERS = (
    "",
    "",
    "",
    "command ",
    "builtin ",
    "env A=1 ",
    "nice -n 5 ",
    "timeout 5 ",
    "setsid ",
    "time ",
    "! ",
)
_WRAPPERS += ("A=1 ", ">/dev/null ", "exec ", "timeout -s KILL 5 env ", "env -u X nice ", "time -p ")


def risky(chance: random.Random) -> str:
    """A random script that may run its value: it must be refused, or be harmless."""
    return wrapped(chance, chance.choice(_WRAPPERS) + chance.choice(RISKY))


def wrapped(chance: random.Random, script: str) -> str:
    """A script inside of others."""
    for _ in range(chance.randrange(3)):
        shape = chance.choice((*_SHAPES.values(), *_BASH_SHAPES.values(), 'echo "$( %s\n)"', "x=$( %s\n)"))
        script = shape.replace("%s", script)
    return script


def offsets(script: str) -> Sequence[tuple[int, int]]:
    """The places of the templates."""
    found, at = [], script.find(V)
    while at != -1:
        found.append((at, at + len(V)))
        at = script.find(V, at + len(V))
    return found


_TOKEN = re.compile(
    r"(?P<whole>[\\$]?\{\{v\}\}|'[^']*'|\\.|<<-?\s*|\$?\(\(|\$\{?)|(?P<double>\")|(?P<blank>[ \t]+)"
    r"|(?P<operator>;;|\|\||&&|[;|(])|(?P<other>.)",
    re.DOTALL,
)
_NEWLINE_AFTER = re.compile(r"(?:^|[\s;|&(])(?:\||\|\||&&|;|;;|\(|\{|then|do|else|if|while|until|!)$")
_BETWEEN_WORDS = ("\t", " \\\n", "\t\\\n\\\n  ")
_AFTER_OPERATORS = ("\n", " # it's\n\n ", " \\\n# it's (\n")


def layouts(script: str) -> Iterator[str]:
    """The same script, with other blanks at each place where a shell allows them, one place at a time.

    The places are those outside of single quotes, here-documents and `$(( ))`.
    """
    head, newline, rest = script.partition("\n") if "<<" in script else (script, "", "")
    tail = newline + rest
    yield from (start + script for start in ("\\\n", "\t", "\n", "# it's\n", " \\\n# it's\n"))
    is_double = False
    for token in _TOKEN.finditer(head):
        at, before = token.end(), head[: token.start()]
        is_double ^= token.lastgroup == "double"
        after = head[at:] + tail
        if token.lastgroup == "blank" and not is_double:
            ends = _NEWLINE_AFTER.search(before) and not tail
            for blanks in _BETWEEN_WORDS + (_AFTER_OPERATORS if ends else ()):
                yield before + blanks + after
        elif token.lastgroup == "operator" and not is_double:
            yield from (head[:at] + blanks + after for blanks in (" \\\n", "\\\n"))
        elif token.lastgroup == "other" and token.group() not in "\n)" and after[:1].isalnum():
            yield head[:at] + "\\\n" + after
