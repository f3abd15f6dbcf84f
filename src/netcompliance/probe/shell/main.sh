# shellcheck shell=sh disable=SC2034,SC2154
# A visit from beginning to end: start every task, hear what jobs have found out, say that it is over.
#
# Rules
# * Jobs say on descriptor 8 when they begin and end, and what others wait for. Only this loop decides what follows, so
#   no two jobs do it twice.
# * When the deadline has come, what still runs is named and gets no word in any more; each of its programs has a
#   deadline of its own.

LAST_WORDS=2

visit() {
    find_tools
    read_resolver
    find_trust
    proxy_settings
    platform_of_machine "$(uname -m)"
    ticking &
    ticker=$!
    RUNNING='' KNOWN=' ' WATCHED='' FIRSTS=' ' ROWS='' SAMPLES='' OWN_ROWS='' SPELLINGS=' ' TOWARDS='' TOWARDS6=''
    HOST_TOLD='' TICKS=0
    tell_what_is_missing
    plan_tasks
    hear
    if [ -n "$OUTBOUND" ] && [ "$LEFT" -gt "$LAST_WORDS" ]; then
        # shellcheck disable=SC2086 # a list
        begin_task outbound sample $TENANT_ADDRESSES
        hear
    fi
    close_visit
    kill "$ticker" 2>/dev/null
}

# ticking: the time, once a second, and never for longer than the visit.
ticking() {
    ticks=0
    while [ "$ticks" -le "$DEADLINE" ]; do
        sleep 1
        echo tick >&8
        ticks=$((ticks + 1))
    done
} </dev/null >/dev/null 2>&1

hear() {
    left
    while [ -n "$RUNNING" ] && [ "$LEFT" -gt "$LAST_WORDS" ]; do
        read -r event what host port address rest <&8
        case $event in
            +) RUNNING="$RUNNING $what" ;;
            -) ended "$what" ;;
            tick) ticked ;;
            address) became_known "$what" "$host" ;;
            verified) verified "$what" "$host" "$port" "$address" ;;
            row) row_seen "$what" "$host" "$port" "$address" ;;
            sampled) SAMPLES=$((${SAMPLES:-0} + 1)) ;;
        esac
        left
    done
}

# begin_task TASK COMMAND…: a job of this loop's own.
begin_task() {
    RUNNING="$RUNNING $1"
    job "$@" </dev/null 2>/dev/null &
}

ended() {
    remaining='' found=''
    for task in $RUNNING; do
        if [ -z "$found" ] && [ "$task" = "$1" ]; then found=yes; else remaining="$remaining $task"; fi
    done
    RUNNING=$remaining
}

ticked() {
    TICKS=$((TICKS + 1))
    echo >&7
    if [ "$TICKS" -ge 2 ]; then tell_host; fi
    # shellcheck disable=SC2086 # a list
    case $TICKS in 1 | 3 | 6) [ -z "$OUTBOUND" ] || begin_task outbound sample $TENANT_ADDRESSES ;; esac
}

tell_host() {
    [ -z "$HOST_TOLD" ] && [ -n "$HOST_WANTED" ] || return
    HOST_TOLD=yes
    # shellcheck disable=SC2086 # a list
    begin_task host report_host "${TOWARDS:-192.0.2.1}" "${TOWARDS6:-2001:db8::1}" $HOST_NAMES
}

# became_known HOST ADDRESS: somebody says that the host has it.
became_known() {
    case $KNOWN in *" $1=$2 "*) return ;; esac
    known_addresses=$((${known_addresses:-0} + 1))
    [ "$known_addresses" -le 200 ] || return
    ordinal=1
    for known in $KNOWN; do case $known in "$1="*) ordinal=$((ordinal + 1)) ;; esac; done
    KNOWN="$KNOWN$1=$2 "
    if [ "$1" = "$OUTBOUND" ]; then tenant_address "$2"; fi
    IFS=$NL
    for line in $WATCHED; do
        IFS=' '
        # shellcheck disable=SC2086 # words
        set -- "$1" "$2" $line
        IFS=" 	$NL"
        [ "$4" != "$1" ] || begin_task "$3" look "$3" "$4" "$5" "$2" "$ordinal"
    done
    IFS=" 	$NL"
}

tenant_address() {
    TENANT_ADDRESSES="$TENANT_ADDRESSES $1"
    hexadecimal "${1%%%*}"
    SPELLINGS="$SPELLINGS$HEX=$1 "
    case $1 in *:*) TOWARDS6=${TOWARDS6:-$1} ;; *) TOWARDS=${TOWARDS:-$1} ;; esac
    tell_host
}

# verified TASK HOST PORT ADDRESS: what is asked once goes to the first.
verified() {
    case $FIRSTS in *" $2:$3 "*) return ;; esac
    FIRSTS="$FIRSTS$2:$3 "
    begin_task "$1" first_verified "$@"
}

first_verified() {
    TASK=$1 HOST=$2 PORT=$3 ADDRESS=$4 UNVERIFIED=''
    route_to "$HOST" "$PORT"
    if [ "$TASK" = tenant ]; then plan_requests one; fi
    plan_walks "$TASK" "$HOST:$PORT"
}

row_seen() {
    if [ "$1" = own ]; then
        OWN_ROWS="$OWN_ROWS $2"
        set -- seen "$2" "$3" "$4"
    fi
    [ "${#ROWS}" -gt 60000 ] || ROWS="$ROWS$*$NL"
}

close_visit() {
    CLOSING=yes
    if [ -z "$HOST_TOLD" ] && [ -n "$HOST_WANTED" ]; then
        # shellcheck disable=SC2086 # a list
        report_host "${TOWARDS:-192.0.2.1}" "${TOWARDS6:-2001:db8::1}" $HOST_NAMES
    fi
    if [ -n "$OUTBOUND" ]; then report_sockets 2>/dev/null; fi
    clock
    decimal $((UP - START))
    # shellcheck disable=SC2086 # a list
    strings $RUNNING
    finished=true
    [ -z "$RUNNING" ] || finished=false
    record="\"kind\":\"probe\",\"task\":\"probe\",\"finished\":$finished,\"unfinished\":$J,\"seconds\":$DECIMAL,\"with\":\"sh\""
    tools_found
    read -r token <&9
    read -r count <&6
    [ "$count" = stop ] || printf '{%s,"tools":%s,"records":%s}\n' "$record" "$J" "$count" 2>/dev/null
    echo stop >&6
    echo >&9
}

# --- the kinds of tasks that a plan has ------------------------------------------------------------------------------

host_task() { HOST_WANTED=yes HOST_NAMES=$*; }

# name_task NAME PURPOSE HOST SEARCH
name_task() {
    begin_task dns report_lookup dns "$1" "$2" "$3"
    [ "$4" = search ] || return
    for domain in $SEARCH; do begin_task dns report_lookup dns "${1%.}.${domain%.}." search "$3"; done
}

# query_task NAME TYPE PORT QUERY PREFIXED BEGINNING PLAIN: the C library reads three nameservers, and so does Go.
query_task() {
    asked_servers=0
    for server in ${NAMESERVERS:-127.0.0.1}; do
        [ "$asked_servers" -lt 3 ] || return
        asked_servers=$((asked_servers + 1))
        begin_task dns query "$server" "$@"
    done
}

# control_task PORT ADDRESS…
control_task() {
    port=$1
    shift
    for address; do begin_task control control "$address" "$port"; done
}

# endpoint_task TASK HOST PORT RESOLVED: behind a proxy there is one way; else one per address, as they become known.
endpoint_task() {
    [ -z "$PROXY_UNREAD" ] || return 0
    route_to "$2" "$3"
    report_route "$1" "$2" "$3"
    if [ -n "$THROUGH" ]; then
        begin_task "$1" look "$1" "$2" "$3" ''
        return
    fi
    WATCHED="$WATCHED$1 $2 $3$NL"
    if is_address "$2"; then
        echo "address $2 $2" >&8
        begin_task "$1" true
    elif [ "$4" != resolved ]; then
        begin_task "$1" report_lookup "$1" "$2" host "$2"
    fi
}

# outbound_task HOST
outbound_task() {
    OUTBOUND=$1 TENANT_ADDRESSES=''
    begin_task outbound report_firewall nft nft -j list ruleset
    begin_task outbound report_firewall iptables iptables-save
    begin_task outbound report_firewall ip6tables ip6tables-save
}

# --- from the first word to the last ---------------------------------------------------------------------------------

start_visit() {
    printf '\n{"netcompliance":"probe","schema":1,"deadline":%s}\n' "$DEADLINE"
    if ! (: | { exec 9<>/proc/self/fd/0; } && read -r line other </proc/uptime) 2>/dev/null; then
        printf '{"kind":"unseen","task":"host","what":"everything","reason":"/proc is not there","remedy":"mount /proc, or install python3"}\n'
        printf '{"kind":"probe","task":"probe","finished":false,"unfinished":["everything"],"seconds":0,"with":"sh","records":1}\n'
        return
    fi
    clock
    START=$UP END=$((UP + DEADLINE * 100)) EPOCH=$(date +%s) MARK=nc-$$-$UP CLOSING='' OUTBOUND='' HOST_WANTED='' HOST_NAMES=''
    : | {
        exec 9<>/proc/self/fd/0
        : | {
            exec 8<>/proc/self/fd/0
            : | {
                exec 7<>/proc/self/fd/0
                : | {
                    exec 6<>/proc/self/fd/0 </dev/null
                    echo >&9
                    echo 0 >&6
                    printf '\n\n\n\n' >&7
                    visit
                }
            }
        }
    }
}
