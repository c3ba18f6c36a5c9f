# jido's completion for fish, as `jido completion fish` prints it.
#
# Now:             jido completion fish | source
# In every shell:  jido completion fish --install
function __jido_complete
    set -l before (commandline -opc)
    set -l said (command jido --complete fish $before[2..-1] (commandline -ct | string collect --allow-empty) 2>/dev/null </dev/null)
    test (count $said) -gt 1; and printf '%s\n' $said[2..-1]
    switch "$said[1]"
        case files
            __fish_complete_path (commandline -ct)
        case dirs
            __fish_complete_directories (commandline -ct)
    end
end
complete -c jido -e
complete -c jido -f -k -a '(__jido_complete)'
