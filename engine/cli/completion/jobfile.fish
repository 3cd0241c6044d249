# Completion of jobfile for fish.
# To use it now:     jobfile completion fish | source
# In every session:  jobfile completion fish > ~/.config/fish/completions/jobfile.fish

function __jobfile_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for one in ($words[1] completion fish -- $words[2..-1] "$current" 2> /dev/null)
        switch $one
            case :files
                __fish_complete_path "$current"
            case :folders
                __fish_complete_directories "$current"
            case '*'
                printf '%s\n' $one
        end
    end
end

complete -c jobfile -f -k -a '(__jobfile_complete)'
