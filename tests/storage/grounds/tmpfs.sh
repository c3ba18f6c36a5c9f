# A tmpfs of 8 MiB over /tmp: no quota, its size is the limit.
. "${0%/*}/prelude.sh"
mount -t tmpfs -o size=8m,mode=1777 tmpfs /tmp
look before
fill /tmp/a 200 refused
