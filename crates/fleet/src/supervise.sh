n=$1; shift
exec 3<&0 </dev/null
scan() {
  while :; do
    old=$t
    for p in /proc/[0-9]*/stat; do
      read -r l <"$p" || continue
      i=${l%% *}
      set -- ${l##*) }
      case "$1$t" in Z* | *" $i "*) continue ;; esac
      case $t in *" $2 "* | *" $4 "*) t="$t$i "; [ "$2" = $$ ] || k="$k $i" ;; esac
    done
    [ "$old" = "$t" ] && break
  done
}
lives() {
  for i in $k; do
    read -r l <"/proc/$i/stat" || continue
    case ${l##*) } in Z*) ;; *) return 0 ;; esac
  done
  return 1
}
{
  read -r l </proc/self/stat
  echo "${l%% *}"
  [ "$n" = 0 ] || head -c "$n" <&3
  exec >/dev/null 2>&1
  while read -r _; do :; done <&3
  trap '' PIPE
  t=" $$ " k=; scan
  kill -s TERM $k
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    lives || break
    sleep 0.2
  done
  t=" $$ $k "; scan
  kill -s KILL $k
} | {
  read -r w
  exec 4<&0 </dev/null
  setsid "$@" <&4 3<&- 4<&- & c=$!
  exec 3<&- 4<&-
  wait "$c"; s=$?
  kill -s PIPE "$w" 2>/dev/null
  exit "$s"
}
