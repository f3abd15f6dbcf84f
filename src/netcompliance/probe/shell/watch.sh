# shellcheck shell=sh disable=SC2034,SC2154
# A watch without Python: what it can sample, and in so many words what it cannot.
#
# Rules
# * Samples are taken by bash (`watch.bash`), which alone can open connections, wait for parts of a second and send bytes.
#   Where it is not there, every layer is named as not watched.
# * A watch by a shell ends with its connection: it writes nothing to the host, so nobody could collect anything.

watch_out() {
    SEQ=0
    printf '\n{"netcompliance":"probe","schema":1}\n'
    clock
    START=$UP END=$((UP + WATCH_SECONDS * 100 + BEYOND + 3000))
    moment=$(date +%s%N)
    case $moment in *[!0-9]* | ????????????????????* | '') moment=$(date +%s)000000000 ;; esac
    EPOCH=${moment%?????????} HUNDREDTHS=${moment%???????}
    find_tools
    read_resolver
    find_trust
    proxy_settings
    wall "$UP"
    json "$WATCH_ID"
    say_word begin "\"at\":$WALL,\"id\":$J,\"pid\":$$,\"planned\":$WATCH_SECONDS,\"with\":\"sh\",$WATCH_PACES"
    not_watched http 'a shell does not sample answers' 'install python3'
    not_watched registry 'a shell does not sample the registry' 'install python3'
    if can_sample; then
        eval "$WATCH_BASH"
        return
    fi
    for layer in dns tcp tls; do not_watched "$layer" 'bash 4.2 with /dev/tcp is not there' 'install python3, or bash'; done
    wall "$UP"
    say_word end "\"task\":\"watch\",\"at\":$WALL,\"why\":\"unable\",\"seconds\":0"
}

can_sample() {
    # shellcheck disable=SC3028,SC3054 # asked of bash alone
    [ -n "$BASH_NET" ] && [ -n "${BASH_VERSION-}" ] && case $BASH_VERSION in [0-3].* | 4.[01].*) return 1 ;; esac
}

# wall HUNDREDTHS: WALL, the time of day when the machine had been up for so long.
wall() {
    WALL=$((HUNDREDTHS + $1 - START))
    decimal "$WALL"
    WALL=$DECIMAL
}

# say_word WHAT FIELDS: a record of the watch; every one has its number.
say_word() {
    SEQ=$((SEQ + 1))
    printf '{"kind":"watch","what":"%s","seq":%s,%s}\n' "$1" "$SEQ" "$2" 2>/dev/null
}

# not_watched LAYER REASON REMEDY
not_watched() {
    json "$2"
    reason=$J
    json "$3"
    say_word unwatched "\"layer\":\"$1\",\"reason\":$reason,\"remedy\":$J"
}
