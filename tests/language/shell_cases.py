"""Scripts that run a value as code in an indirect way, and ordinary ones."""

_CARRIED = r"""
x={{v}}; eval "$x"
x={{v}}; y=$x; ssh host rm "$y"
x={{v}}; echo $((x + 1))
x={{v}}; echo $(( !x ))
x={{v}}; echo $(($x))
x={{v}}; echo $(( $(echo "$x") ))
x={{v}}; echo ${!x}
x={{v}}; echo "${x@P}"
for x in {{v}}; do eval "$x"; done
x={{v}}; [[ $x -eq 1 ]]
x={{v}}; [[ x -eq 1 ]]
[[ $(echo {{v}}) -eq 1 ]]
x={{v}}; sh -c "echo $x"
x=$(printf %s {{v}}); eval "$x"
x=`printf %s "$JOBFILE_PARAM_P"`; eval "$x"
x=$(echo {{v}} | tr a b | head -n 1); eval "$x"
read -r n <<E\n{{v}}\nE\neval "$n"
read -r -p a n <<< {{v}}; eval "$n"
while read -r l; do eval "$l"; done <<< {{v}}
while read -r l\ndo eval "$l"; done <<E\n{{v}}\nE
echo {{v}} | while read -r l; do eval "$l"; done
echo {{v}} | { cat; } | ( cat; ) | ( read l; eval "$l" )
{ read l; eval "$l"; } < <(echo {{v}})
read <<< {{v}}; eval "$REPLY"
mapfile -t a <<< {{v}}; echo $((a[0]))
mapfile -t < <(echo {{v}}); echo $((MAPFILE[0]))
x={{v}}; declare "$x=1"
x={{v}}; read "$x"
x={{v}}; printf -v "$x" y
x={{v}}; printf "$x" y
x={{v}}; [ -v "$x" ]
x={{v}}; [[ -v $x ]]
x={{v}}; unset "$x"
x={{v}}; let "$x"
x={{v}}; let y=x+1
x={{v}}; arr[$x]=1
x={{v}}; arr[x]=1
x={{v}}; a=([$x]=1)
x={{v}}; echo ${arr[$x]}
x={{v}}; echo ${arr[x]}
x={{v}}; y=abc; echo ${y:$x}
x={{v}}; y=abc; echo ${y:0:x}
x={{v}}; declare -n r="$x"
x={{v}}; declare -i n="$x"
declare -i n; x={{v}}; n=$x
x={{v}}; RANDOM=$x
x={{v}}; for OPTIND in $x; do :; done
f() { [[ $1 -gt 3 ]]; }; f {{v}}
f() { eval "$@"; }; f a {{v}}
f() { shift; eval "$1"; }; f a {{v}}
f() { local n=$1; echo $((n)); }; f {{v}}
function f { eval "$1"; }; f {{v}}
f() { x=$1; }; f {{v}}; eval "$x"
f() { echo "$1"; }; x=$(f {{v}}); eval "$x"
f() { g "$1"; }; g() { eval "$1"; }; f {{v}}
set -- {{v}}; echo $(( $1 ))
set -- a {{v}}; for x do eval "$x"; done
set -- {{v}}; for x in "$@"; do eval "$x"; done
echo {{v}} | ( sh )
f() { echo "echo {{v}}"; }; f | sh
for i in {{v}}; do echo "echo $i"; done | sh
x={{v}}; echo "$x" | sh
x={{v}}; cat <<E | sh\necho $x\nE
x={{v}}; sh <<< "echo $x"
x={{v}}; sh <<E\necho $x\nE
bash <(echo "echo {{v}}")
source <(echo "echo {{v}}")
. <(echo {{v}} | tr a b)
x={{v}}; bash <(echo "$x")
echo {{v}} | tee >(sh)
echo {{v}} > >(sh)
{ echo {{v}}; } > >(bash -s)
echo {{v}} | xargs -I{} sh -c "echo {}"
echo {{v}} | xargs -I % sh -c 'echo %'
echo {{v}} | xargs -i sh -c 'echo {}'
echo {{v}} | xargs -0 sh -c
echo {{v}} | xargs sh
xargs -I{} sh -c 'echo {}' <<< {{v}}
xargs -I{} sh -c 'echo {}' <<E\n{{v}}\nE
echo {{v}} | sort | xargs -P 4 -I{} ssh host rm {}
echo {{v}} | xargs env
x={{v}}; $x a
x={{v}}; sh $x
x={{v}}; sudo $x ls
x={{v}}; find . $x
echo {{v}} > f; . f
echo "{{v}}" > "$TMPDIR/x.sh"; sh "$TMPDIR/x.sh"
cat > f <<E\necho {{v}}\nE\nchmod +x f; ./f
cat > ./f <<E\necho {{v}}\nE\nchmod +x ./f; sudo ./f
echo {{v}} | tee f; bash -x f
echo {{v}} > f; bash < f
echo {{v}} > f; cat f | sh
echo {{v}} > f; x=$(cat f); eval "$x"
echo {{v}} > f; read x < f; eval "$x"
{ echo a; echo {{v}}; } > f; source f
echo {{v}} > f; cp f g; . g
eval "$JOBFILE_PARAM_P"
sh -c "echo $JOBFILE_PARAM_P"
[[ $JOBFILE_PARAM_P -gt 3 ]]
echo $(( JOBFILE_PARAM_P ))
(( JOBFILE_PARAM_P > 3 ))
[[ JOBFILE_PARAM_P -gt 3 ]]
for ((i = 0; i < JOBFILE_PARAM_P; i++)); do :; done
case $JOBFILE_PARAM_P in a) echo $((JOBFILE_PARAM_P)) ;; esac
: "${x:=$JOBFILE_PARAM_P}"; echo $((x))
x=${JOBFILE_PARAM_P:-1}; echo $((x))
local_=$JOBFILE_PARAM_P; export local_; ssh h "echo $local_"
bash -c '[[ $JOBFILE_PARAM_P -gt 3 ]]'
bash -c '[[ $1 -gt 3 ]]' _ {{v}}
sh -c 'eval "$1"' sh {{v}}
x={{v}}; sh -c 'eval "$1"' sh "$x"
x={{v}} bash -c 'echo $((x))'
x={{v}}; export x; bash -c 'echo $((x))'
bash <<'E'\necho $((JOBFILE_PARAM_P))\nE
x={{v}}; eval 'echo $((x))'
x={{v}}; trap 'echo $((x))' EXIT
sh -c 'sh -c "echo $1"' sh {{v}}
find . -maxdepth 0 -exec bash -c 'echo $(($2))' sh {} {{v}} \;
echo {{v}} | xargs bash -c 'echo $(($1))' sh
""".strip().splitlines()
CARRIED = [one.replace("\\n", "\n") for one in _CARRIED]
"""Each runs a value as code, at least in bash; the value passes through names, pipes, functions or files."""

_USES = r"""
echo {{v}}
printf '%s\n' {{v}} | sort
[ {{v}} = a ]
[ {{v}} -gt 3 ]
[ -e {{v}} ]
test -n {{v}}
[[ {{v}} == a* ]]
[[ {{v}} -gt 3 ]]
[[ -n {{v}} && {{v}} < b ]]
case {{v}} in a) :;; esac
y={{v}}
y=a{{v}}b; echo "$y"
export Y={{v}}
export {{v}}
f() { local y={{v}}; echo "$y"; }; f
f() { "$@"; }; f {{v}}
f() { "$@"; }; f echo {{v}}
f() { shift; "$@"; }; f a {{v}}
f() { eval "$1"; }; f {{v}}
f() { echo "$1"; }; f {{v}} | sh
f() { cat; }; echo {{v}} | f | sh
set -- {{v}}; "$@"
set -- a {{v}}; sh -c "$2"
a=(echo {{v}}); "${a[@]}"
a=({{v}}); "${a[@]}" x
a=({{v}}); echo $((a[0]))
echo $((1 + {{v}}))
echo "$(({{v}}))"
echo $(( $(echo {{v}}) ))
((y = {{v}}))
let y={{v}}
y=abcdef; echo "${y:{{v}}}"
a=(1 2); echo "${a[{{v}}]}"
a[{{v}}]=1
declare -A m; m[{{v}}]=1
declare -i n={{v}}
declare -n r={{v}}; echo "$r"
read -r {{v}} <<< a
printf -v {{v}} a
printf {{v}} a
unset {{v}}
test -v {{v}}
eval {{v}}
eval "echo {{v}}"
sh -c {{v}}
sh -c "echo {{v}}"
sh -c 'echo "$1"' sh {{v}}
sh -c 'eval "$1"' sh {{v}}
bash -c 'echo $(($1))' sh {{v}}
bash -c '[[ $1 -gt 3 ]]' sh {{v}}
sh {{v}}
sh ./{{v}}
. ./{{v}}
env {{v}}
env A={{v}} true
nice {{v}}
timeout 1 {{v}}
timeout 1 echo {{v}}
xargs {{v}} </dev/null
echo {{v}} | xargs
echo {{v}} | xargs echo
echo {{v}} | xargs sh
echo {{v}} | xargs env
echo {{v}} | xargs sh -c
echo {{v}} | xargs -I{} sh -c 'echo {}'
echo {{v}} | xargs -I% bash -c "echo %"
echo {{v}} | xargs sh -c 'echo "$1"' sh
echo {{v}} | sh
echo {{v}} | cat | sh
echo {{v}} | ( sh )
echo {{v}} | tee y | sh
echo {{v}} | tee >(sh) >/dev/null; sleep 0.1
sh <<E\necho {{v}}\nE
cat <<E | sh\necho {{v}}\nE
cat <<E\n{{v}}\nE
cat <<E > ./z\n{{v}}\nE\nsh ./z
echo {{v}} > ./z; . ./z
echo {{v}} > ./z; bash ./z
echo {{v}} > ./z; cat z
bash <(echo {{v}})
cat <(echo {{v}})
find . -maxdepth 0 -name {{v}}
find {{v}} -maxdepth 0
find . -maxdepth 0 {{v}}
find . -maxdepth 0 -exec echo {{v}} \;
find . -maxdepth 0 -exec sh -c {{v}} \;
awk {{v}} /dev/null
awk -v y={{v}} 'BEGIN { print y }'
awk -f - <<E\n{{v}}\nE
sed -n {{v}} /dev/null
make -f - <<E\nall: ; {{v}}\nE
make -n X={{v}}
tar -cf /dev/null -I {{v}} .
trap {{v}} EXIT
trap 'echo "$y"' EXIT; y={{v}}
alias ll={{v}}; ll
PS4={{v}}; set -x; :
PATH={{v}}:$PATH; :
cd {{v}}
exit {{v}}
$SUDO {{v}}
$SUDO echo {{v}}
S=; $S eval {{v}}
S="sh -c"; $S {{v}}
S=(sh -c); "${S[@]}" {{v}}
C=echo; $C {{v}}
perl -e {{v}}
perl -e 'print $ARGV[0]' {{v}}
perl -pe {{v}} /dev/null
python3 -c {{v}}
""".strip().splitlines()
USES = [one.replace("\\n", "\n") for one in _USES]
"""Uses of a value: many run it as code, and many do not."""
