# Completion of jobfile for bash 4.4 or newer.
# To use it now:     source <(jobfile completion bash)
# In every session:  jobfile completion bash > ~/.local/share/bash-completion/completions/jobfile

_jobfile_completion() {
  local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} typed one
  local -a words replies
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  typed=${words[-1]}
  # bash parts words at = and : too, and replaces only the last part.
  [[ $word == [=:] ]] && word=
  [[ $typed == *"$word" ]] || word=$typed
  mapfile -t replies < <("${1/#\~/$HOME}" completion bash -- "${words[@]:1}" 2> /dev/null)
  COMPREPLY=()
  for one in "${replies[@]}"; do
    case $one in
      :files) compopt -o default 2> /dev/null ;;
      :folders) compopt -o dirnames 2> /dev/null ;;
      *) COMPREPLY+=("${one#"${typed%"$word"}"}") ;;
    esac
  done
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2> /dev/null
  return 0
}

complete -o nosort -F _jobfile_completion jobfile
