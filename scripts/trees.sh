# Part of scripts/setup (its words: say, step, as_root, log). Trees of newer Debians, for twins of newer Slurms:
#
#   trixie  Debian 13, Slurm 24.11       forky  Debian 14, Slurm 26.05
#
# They lie in $JIDO_TREES, else in ~/.cache/jido/trees (XDG_CACHE_HOME is honoured), for all checkouts; with an empty
# JIDO_TREES there are none. A tree stands under its name only when it is whole. Why one cannot be had is kept beside it,
# in NAME.why, where tests that are skipped find it. `sudo rm -rf` takes a tree away; the next set-up makes it anew.
# shellcheck shell=bash disable=SC2154  # as_root and log are set-up's

readonly releases='trixie forky'
readonly keyring=/usr/share/keyrings/debian-archive-keyring.gpg
# What a twin consists of, and what jobs need in it.
readonly tree_packages='slurmctld slurmd slurm-client slurmdbd mariadb-server munge openssh-server openssh-client
python3-venv rsync procps iproute2'

missing_trees() {
    local release
    for release in $releases; do
        if [[ ! -d $1/$release ]]; then printf '%s ' "$release"; fi
    done
}

# The main archive as this machine's own apt knows it; other archives have other labels.
debian_mirror() {
    # shellcheck disable=SC2016  # apt's own way to write a field
    apt-get indextargets 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' --format '$(REPO_URI)' 2>/dev/null |
        sed -n 1p
}

# Says why no tree can be made here; says nothing where one can.
no_trees_because() {
    if [[ -n ${JIDO_NO_APT:-} ]]; then
        echo "JIDO_NO_APT is set"
    elif ! command -v apt-get >/dev/null; then
        echo "there is no apt-get here"
    elif ! can_become_root; then
        echo "this needs root or password-less sudo"
    elif ! command -v debootstrap >/dev/null; then
        echo "debootstrap is not installed"
    elif [[ ! -e $keyring ]]; then
        echo "Debian's keys are not installed (package debian-archive-keyring)"
    elif [[ -z $(debian_mirror) ]]; then
        echo "apt knows no mirror of Debian here"
    fi
}

# Runs as root in namespaces of its own: mounts and daemons that somebody leaves behind go with it.
fill_tree() {
    local release=$1 tree=$2 mirror=$3 keyring=$4 packages=$5
    export LC_ALL=C
    mkdir -p "$tree"
    # The script is named because an older debootstrap does not know a newer release.
    debootstrap --variant=minbase --force-check-gpg --keyring="$keyring" \
        "$release" "$tree" "$mirror" /usr/share/debootstrap/scripts/sid
    printf '#!/bin/sh\nexit 101\n' >"$tree/usr/sbin/policy-rc.d"
    chmod 755 "$tree/usr/sbin/policy-rc.d"
    printf '%s\n' force-unsafe-io path-exclude=/usr/share/{doc,info,locale,man}/'*' >"$tree/etc/dpkg/dpkg.cfg.d/jido"
    # MariaDB's installation asks it for a temporary folder.
    mount -t proc proc "$tree/proc"
    # shellcheck disable=SC2086  # a list of package names
    DEBIAN_FRONTEND=noninteractive chroot "$tree" \
        apt-get -q -y --no-install-recommends install $packages
    chroot "$tree" sh -ec 'slurmctld -V; mariadbd --version; command -v slurmd slurmdbd munged sshd bash python3 rsync'
    # A twin has a database of its own.
    rm -rf --one-file-system "$tree"/var/lib/{apt/lists,mariadb,mysql}/* "$tree"/var/cache/apt/*.bin \
        "$tree"/var/cache/apt/archives/*.deb "$tree"/usr/share/{doc,info,locale,man}/*
}

make_tree() {
    local release=$1 folder=$2 aside=$2/.making-$1 proxy=${http_proxy:-} code=0
    if [[ -z $proxy ]]; then eval "$(apt-config shell proxy Acquire::http::Proxy)"; fi
    # What is left of one that was killed.
    "${as_root[@]}" rm -rf --one-file-system "$aside" || return
    "${as_root[@]}" env ${proxy:+"http_proxy=$proxy"} unshare --mount --mount-proc --pid --fork --kill-child=KILL \
        bash -ec "$(declare -f fill_tree); fill_tree \"\$@\"" - \
        "$release" "$aside" "$(debian_mirror)" "$keyring" "$tree_packages" || code=$?
    if ((code)); then
        "${as_root[@]}" rm -rf --one-file-system "$aside"
        return "$code"
    fi
    "${as_root[@]}" mv -T "$aside" "$folder/$release"
}

trees() {
    local folder=${JIDO_TREES-${XDG_CACHE_HOME:-~/.cache}/jido/trees} why release
    if [[ -z $folder || -z $(missing_trees "$folder") ]]; then return 0; fi
    if ! mkdir -p "$folder" 2>/dev/null || [[ ! -w $folder ]]; then
        say "setup: no trees of newer Slurms, whose tests are skipped: $folder is not mine to write"
        return 0
    fi
    exec 8>"$folder/.lock"
    if command -v flock >/dev/null && ! flock -n 8; then
        say "setup: waiting for another set-up that makes trees of newer Slurms"
        flock 8
    fi
    why=$(no_trees_because)
    if [[ $why == "apt knows no mirror"* ]]; then
        # Where the lists were thrown away (images of containers) apt does not know whose archives it has.
        can_become_root
        step "fetching apt's lists" apt update || true
        why=$(no_trees_because)
    fi
    for release in $(missing_trees "$folder"); do
        make_or_say_why "$release" "$folder" "$why"
    done
    exec 8>&-
}

make_or_say_why() {
    local release=$1 folder=$2 why=$3
    if [[ -z $why ]]; then
        can_become_root
        if step "making a tree of Debian $release (for tests on its Slurm)" make_tree "$release" "$folder"; then
            rm -f "$folder/$release.why"
            say "  $("${as_root[@]}" du -sh "$folder/$release" | tr '\t' ' ')"
            return 0
        fi
        why=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1)
    fi
    printf '%s\n' "$why" >"$folder/$release.why"
    say "setup: no tree of Debian $release, so tests on its Slurm are skipped: $why"
}
