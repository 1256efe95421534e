n=$1 c= g= h=; shift
exec 3<&0 </dev/null
guard() {
  { while read -r _; do :; done <&3; kill -s USR1 $$; } >/dev/null 2>&1 & g=$!
}
tree() {
  while :; do
    old=$t
    for p in /proc/[0-9]*/stat; do
      read -r l <"$p" || continue
      i=${l%% *}
      set -- ${l##*) }
      [ "$1" = Z ] && continue
      case $t in *" $i "*) continue ;; esac
      case $t in *" $2 "* | *" $4 "*) t="$t$i " ;; esac
    done
    [ "$old" = "$t" ] && break
  done
}
end() {
  trap '' USR1 USR2
  t=" $c "; tree; kill -s TERM $t
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    sleep 0.2
    k=
    for i in $t; do
      read -r l <"/proc/$i/stat" || continue
      case ${l##*) } in Z*) ;; *) k=y ;; esac
    done
    [ "$k" ] || break
  done
  tree; kill -s KILL $t
  kill "$g"
  exit 143
} 2>/dev/null
trap end USR1
trap 'h=y; [ "$c" ] && [ ! "$g" ] && guard' USR2
if [ "$n" = 0 ]; then
  setsid "$@" 3<&- & c=$!
  guard
else
  { head -c "$n" <&3; exec >&- 3<&-; kill -s USR2 $$; } | setsid "$@" 3<&- & c=$!
  [ "$h" ] && [ ! "$g" ] && guard
fi
while :; do
  wait "$c"; s=$?
  kill -0 "$c" 2>/dev/null || break
done
trap '' USR1 USR2
[ "$g" ] && kill "$g" 2>/dev/null
wait
exit "$s"
