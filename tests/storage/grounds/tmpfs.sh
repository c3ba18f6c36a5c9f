# A tmpfs of 8 MiB over /tmp: no quota, its size is the limit. When it is full, `jido df` must still be able to tell.
. "${0%/*}/prelude.sh"
# A checkout that lies under /tmp itself stays where it is.
kept=
case $python in
/tmp/*)
    kept=${python#/tmp/}
    kept=/tmp/${kept%%/*}
    mkdir /srv/kept
    mount --bind "$kept" /srv/kept
    ;;
esac
mount -t tmpfs -o size=8m,mode=1777 tmpfs /tmp
[ -z "$kept" ] || { mkdir "$kept" && mount --bind /srv/kept "$kept"; }
look before
mkdir /tmp/student && chown 4321 /tmp/student
fill /tmp/student/a 200 refused
look full
# As whoever may read this checkout; the folders are the student's all the same.
HOME=/srv/home/student USER=student JIDO_HOME=/srv/jido "$python" -m jido df local --quick >"$share/df"
