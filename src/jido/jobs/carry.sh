carry() {
  set --
  for one in "$JIDO_LOCAL"/*; do if [ -e "$one" ] || [ -L "$one" ]; then set -- "$@" "./${one##*/}"; fi; done
  case $# in 0) return 0 ;; ????*) set -- --exclude=./.tmp . ;; esac
  echo "jido: bringing what lies in JIDO_LOCAL on $(uname -n) to the results" >&2
  coming=$JIDO_RUN/coming.$(uname -n).$$.$(date +%s) carried=0
  # By renames, so that nothing is half-written under its name.
  if mkdir -p "$coming" "$JIDO_RESULTS" &&
    { (cd "$JIDO_LOCAL" && exec tar -cf - "$@") || : >"$coming.bad"; } | (cd "$coming" && exec tar -xf -) &&
    [ ! -e "$coming.bad" ] && cd "$coming"; then
    find . -type d -exec sh -c 'for d; do mkdir -p "$0/$d" || exit; done' "$JIDO_RESULTS" {} + || carried=1
    find . ! -type d -exec sh -c 'for f; do mv -f "$f" "$0/$f" || exit; done' "$JIDO_RESULTS" {} + || carried=1
    cd "$JIDO_RUN" || :
  else
    carried=1
  fi
  rm -rf -- "$coming" "$coming.bad"
  return "$carried"
}
