# shellcheck shell=sh disable=SC2034,SC2154
# Opening a TCP connection to one address, and what the system says where it does not open.

CONNECT=5

# connect ADDRESS PORT SECONDS: ERROR (null if it opened) and ROW, the connection as the kernel's table shows it.
connect() {
    ERROR=null ROW='' UNTIMED='' text=''
    if [ -n "$BASH_NET" ]; then
        by_bash "$@"
    elif [ "$NC" = busybox ]; then
        by_busybox "$@"
    elif [ "$NC" = zero ]; then
        text=$(bounded $(($3 + 1)) nc -z -v -w "$3" "$1" "$2" 2>&1 </dev/null) && return 0
        late $?
        case $text in '' | *[Tt]'imed out'*) LATE=yes text='' ;; esac
        not_open "$text"
    else
        return 1
    fi
}

# While it is open, the connection is looked up by its inode: the proof that the table shows ours.
by_bash() {
    # shellcheck disable=SC2016 # for bash
    text=$(bounded "$3" bash -c '
        exec 3<>"/dev/tcp/$1/$2" || exit
        echo open
        inode=$(readlink /proc/$$/fd/3) && inode=${inode#*:\[} &&
            grep -h " ${inode%\]} " /proc/net/tcp /proc/net/tcp6' sh "$1" "$2" 2>&1 </dev/null)
    late $?
    case $text in
        open*) ROW=${text#open} ;;
        *) not_open "$text" ;;
    esac
}

# It hangs on after it has opened, until the peer or the deadline ends it: then how long it took to open is not known.
by_busybox() {
    text=$(bounded $(($3 + 1)) nc -w "$3" "$1" "$2" 2>&1 </dev/null | head -c 2000 | tr -d '\000')
    case $text in
        *'nc: timed out'*)
            LATE=yes
            not_open ''
            ;;
        *"nc: can't connect"* | *'nc: bad address'*) not_open "$text" ;;
        *) UNTIMED=yes ;;
    esac
}

not_open() {
    errno "$1"
    if [ -n "$ERRNO" ]; then
        failure tcp "$ERRNO" "${1##*: }"
    elif [ -n "$LATE" ]; then
        failure tcp TIMEOUT 'no answer to the SYN'
    else
        failure tcp EXCEPTION "$1"
    fi
}

# report_connect TASK HOST ADDRESS PORT SECONDS: the `tcp` record; succeeds if it opened.
report_connect() {
    begin
    connect "$3" "$4" "$5" || return
    took
    [ -z "$UNTIMED" ] || SECONDS_TOOK=null
    case $3 in *:*) family=6 ;; *) family=4 ;; esac
    json "$2"
    record="\"kind\":\"tcp\",\"task\":\"$1\",\"host\":$J,\"address\":\"$3\",\"port\":$4,\"via\":null,\"family\":$family"
    emit "$record,${FULL:+\"full\":false,}\"source\":null,\"syns\":null,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
    if [ "$ERROR" = null ]; then
        # shellcheck disable=SC2086 # the row's words
        set -- "$1" "$2" "$3" "$4" $ROW
        [ "$1" != tenant ] || [ $# -lt 8 ] || echo "row own $6 $7 $8" >&8
        return 0
    fi
    return 1
}

# shares HOST ADDRESS PORT NUMBER: many connections from as many ports, all at once; how many opened. Fewer where the name
# has many addresses before this one. Which ports did not is not known to a shell, so it cannot try those again.
shares() {
    [ -n "$BASH_NET" ] && [ -n "$TIMEOUT" ] || return
    host=$1 TRIES=72
    [ "$4" -le 6 ] || TRIES=24
    [ "$4" -le 10 ] || TRIES=4
    begin
    # shellcheck disable=SC2016 # for bash
    text=$(bounded 9 bash -c '
        for ((i = 0; i < $3; i++)); do (exec 3<>"/dev/tcp/$1/$2" && echo open) 2>/dev/null & done
        wait' sh "$2" "$3" "$TRIES" 2>/dev/null </dev/null)
    took
    json "$host"
    record="\"kind\":\"shares\",\"task\":\"tenant\",\"host\":$J,\"address\":\"$2\",\"port\":$3,\"via\":null"
    # shellcheck disable=SC2086 # a word for each
    set -- $text
    unopened='' number=$#
    while [ "$number" -lt "$TRIES" ]; do
        unopened="$unopened${unopened:+,}[0,\"TIMEOUT\",1]" number=$((number + 1))
    done
    record="$record,\"tries\":$TRIES,\"opened\":$#,\"unopened\":[$unopened],\"again\":[],\"calm\":null"
    emit "$record,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":null"
}

# control ADDRESS PORT: what opens there opens anywhere. It would do so at once.
control() { report_connect control "$1" "$1" "$2" 1; }
