#compdef jido
# jido's completion for zsh, as `jido completion zsh` prints it.
#
# Now:             eval "$(jido completion zsh)"    (after compinit)
# In every shell:  jido completion zsh --install, which says what ~/.zshrc needs once
_jido() {
    local -a said names shown before
    local row
    before=("${(@Q)words[2,CURRENT-1]}")
    (( CURRENT > 2 )) || before=()
    said=("${(@f)$(command jido --complete zsh "${before[@]}" "${QIPREFIX}${PREFIX}" 2>/dev/null </dev/null)}")
    for row in "${(@)said[2,-1]}"; do
        [[ -n $row ]] || continue
        names+=("${row%%$'\t'*}")
        shown+=("${${row/$'\t'/  -- }}")
    done
    # compadd quotes what it puts in; -V keeps the order, newest runs first.
    (( $#names )) && compadd -l -V jido -d shown -a -- names
    case $said[1] in
        files) _files ;;
        dirs) _files -/ ;;
    esac
}
if [[ $funcstack[1] == _jido ]]; then _jido "$@"; else compdef _jido jido; fi
