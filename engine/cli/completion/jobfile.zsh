#compdef jobfile
# Completion of jobfile for zsh.
# To use it now:     source <(jobfile completion zsh)
# In every session:  jobfile completion zsh > "${fpath[1]}/_jobfile"

_jobfile() {
  local -a replies values shown ending
  local one about
  replies=("${(@f)$("${(Q)words[1]/#\~/$HOME}" completion zsh -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
  for one in "${replies[@]}"; do
    case $one in
      '') ;;
      :files) _files ;;
      :folders) _files -/ ;;
      *)
        about=${one#*$'\t'}
        values+=("${one%%$'\t'*}")
        [[ $one == *$'\t'* ]] && shown+=("${values[-1]}  -- $about") || shown+=("${values[-1]}")
        ;;
    esac
  done
  (( ${#values} )) || return 0
  [[ ${#values} -eq 1 && ${values[1]} == *= ]] && ending=(-S '')
  compadd -l -V jobfile -d shown "${ending[@]}" -a values
}

if [[ ${funcstack[1]} == _jobfile ]]; then
  _jobfile "$@"
else
  compdef _jobfile jobfile
fi
