# jido's completion for bash, as `jido completion bash` prints it.
#
# Now:             eval "$(jido completion bash)"
# In every shell:  jido completion bash --install    (needs the bash-completion package), or the line above in ~/.bashrc
_jido() {
    local line extra=
    COMPREPLY=()
    # The line as it is typed, not COMP_WORDS: bash cuts those at : = @ too.
    while IFS= read -r line; do
        if [[ -z ${extra:+x} ]]; then extra="=$line"; else COMPREPLY+=("$line"); fi
    done < <(command jido --complete bash "${COMP_LINE:0:COMP_POINT}" "$2" 2>/dev/null </dev/null)
    # bash 3.2 has no compopt; there the words come sorted, and files are not offered.
    type compopt &>/dev/null || return 0
    compopt -o nosort 2>/dev/null
    case $extra in
        =files) compopt -o default -o bashdefault ;;
        =dirs) compopt -o dirnames ;;
    esac
    # Files beside names of our own: bash only falls back to files where there are no others.
    if [[ $extra == =files && ${#COMPREPLY[@]} -gt 0 && -n $2 ]]; then
        while IFS= read -r line; do COMPREPLY+=("$(printf '%q' "$line")"); done < <(compgen -f -- "$2")
    fi
    return 0
}
complete -F _jido jido
