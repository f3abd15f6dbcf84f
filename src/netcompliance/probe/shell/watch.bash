# shellcheck shell=bash disable=SC2034,SC2154
# Samples of paths over and over, by bash: TCP connections, queries to nameservers, handshakes by openssl.
#
# Theory. The loop is one process that never waits for the network. A sample is a process of its own that ends by itself
# and says on descriptor 8 what it saw: one fork for a connection, and one program more for a query (dd takes a datagram
# whole) or a handshake. Samples overlap, count for the moment they began, and are handed on in that order; those that
# ended alike are one run, as the watch in Python tells them (`onhost/connect_sampler.py`, `onhost/streaks.py`).
#
# Rules
# * Moments are hundredths of a second since the machine started (`clock`). Unless something is wrong, no connection begins sooner
#   than `LEAST` after the last, no query sooner than `LEAST_QUERY`, no handshake sooner than `LEAST_DEAR`.
# * What this machine was too busy or too poor for says nothing of the path: such a sample is dropped.
# * Standard input is the connection. Where it ends, or nobody acknowledges anything for `SILENCE`, all is over: nothing
#   is left behind.

LEAST=5 LEAST_QUERY=20 LEAST_DEAR=50 PATIENCE=90 HASTE=5 VOLLEY_OF=24 SAVED_MOST=60 STALL=40 ALARM=15 SILENCE=1500 LOOK_UP=1000 OPEN_MOST=120
BLIND=5 BLIND_LEAST=100 RUNS_MOST=40 WINDOW=6000 MIXED_FOR=1000 CALM_RUN=40 CALM_DEAR=12 ERRORS_MOST=8 CALM_FOR=200
RECHECK=100 DEAR_PATIENCE=500 HANDSHAKE=4 OWN_PATIENCE=1

sample_paths() {
    local -a LOWER LAST_FAILED LAYER NAME PLACE PORT_OF ERRORS_FD PACE DUE NUMBER FIRST FAILING SAID VOLLEY SAVED COUNTED TROUBLE SINCE
    local -a RUN SAME FROM TO COUNT FAILED MIXED ERROR_OF ANSWER_OF ERRORS TOOK GAP BEGUN_RUNS WINDOW_FROM USUAL
    local -a SAME_FIRST RUN_FIRST T_RUN T_FROM T_TO T_COUNT T_ANSWER T_TOOK T_GAP
    local -A BEGUN PID STATE ENDED PROVED PROVED_AT
    local paths=0 runs=0 open=0 why='' stalled=0 turn=0 beat=0 heard=0 now=0 servers=' ' known=' ' seen_once=' ' looked=0
    [ "$EVERY" -ge "$LEAST" ] || EVERY=$LEAST
    QUERY_PACE=$EVERY
    [ "$QUERY_PACE" -ge "$LEAST_QUERY" ] || QUERY_PACE=$LEAST_QUERY
    [ "$RARELY" -ge "$LEAST_DEAR" ] || RARELY=$LEAST_DEAR
    exec 7<&0 </dev/null 8<> <(:) 6<> <(:)
    # What bash prints itself it sends line by line, and a query is one datagram.
    PRINTF=printf
    case $QUERY in *'\012'*) PRINTF=$(type -P printf) ;; esac
    trap 'why=terminated' TERM INT
    trap 'why=lost' HUP
    # Nothing is sent by this: what the C library loads for it is there before every fork.
    { exec 3<>/dev/udp/127.0.0.1/9; } && exec 3>&-
    begin_paths
    listen_to_stdin <&7 >/dev/null 2>&1 &
    local listener=$!
    clock
    turn=$UP heard=$UP
    while [ -z "$why" ]; do one_turn; done
    finish
    kill "$listener"
} 2>/dev/null

listen_to_stdin() {
    local word number
    while read -r word number; do echo "- $word" >&8; done
    echo '- lost' >&8
}

begin_paths() {
    local server address asked=0
    route_to "$HOST" "$PORT"
    if [ -n "$PROXY_UNREAD" ]; then
        for layer in dns tcp tls; do not_watched "$layer" 'what the agent makes of the proxy is not known' 'install python3'; done
        return
    fi
    if [ -n "$THROUGH" ]; then
        is_address "$PROXY_HOST" || not_watched dns "a shell does not ask for the proxy's name over and over" 'install python3'
        lookup "$PROXY_HOST"
        for address in $ADDRESSES; do
            [ "$asked" -lt 4 ] || break
            asked=$((asked + 1))
            named "$address" "$PROXY_PORT"
            add_path tcp "$PLACED" "$address" "$PROXY_PORT" "$EVERY"
        done
        if openssl_tunnels; then
            add_path tls "via $PROXY_URL" '' '' "$RARELY"
        else
            not_watched tls 'no openssl that can go through the proxy is there' 'install python3'
        fi
        looked=never
        return
    fi
    if have dd && [ -n "$PRINTF" ]; then
        for server in ${NAMESERVERS:-127.0.0.1}; do
            case $servers in *" $server "*) continue ;; esac
            [ "$asked" -lt 3 ] || break
            asked=$((asked + 1)) servers="$servers$server "
            add_path dns "$server" "$server" "$DNS_PORT" "$QUERY_PACE"
            add_path dns "$server AAAA" "$server" "$DNS_PORT" "$QUERY_PACE"
        done
    else
        not_watched dns 'dd or printf is not there' 'install coreutils, or python3'
    fi
    read -r address < <(as_programs_try "$HOST")
    [ "$address" = "${HOST%.}." ] || not_watched dns 'the search list comes before the name, and a shell does not ask for it' 'install python3'
    for address in $WATCH_ADDRESSES; do watch_address "$address"; done
    [ -n "$OPENSSL" ] || not_watched tls 'openssl is not there' 'install openssl, or python3'
    [ -n "$RESOLVER" ] || looked=never
}

# named ADDRESS PORT: PLACED.
named() { case $1 in *:*) PLACED="[$1]:$2" ;; *) PLACED=$1:$2 ;; esac; }

watch_address() {
    case $known in *" $1 "*) return ;; esac
    set -- "$1" $known
    [ $# -le "$MOST_ADDRESSES" ] || return
    known="$known$1 "
    named "$1" "$PORT"
    add_path tcp "$PLACED" "$1" "$PORT" "$EVERY"
    [ -z "$OPENSSL" ] || { add_path tls "$PLACED" "$1" "$PORT" "$RARELY" && LOWER[paths - 1]=$((paths - 2)); }
}

# add_path LAYER NAME ADDRESS PORT PACE
add_path() {
    local p=$paths fd
    exec {fd}<> <(:) || return
    LAYER[p]=$1 NAME[p]=$2 PLACE[p]=$3 PORT_OF[p]=$4 PACE[p]=$5 ERRORS_FD[p]=$fd
    clock
    NUMBER[p]=0 FIRST[p]=1 FAILING[p]='' SAID[p]='' VOLLEY[p]=0 SAVED[p]=$SAVED_MOST COUNTED[p]=$UP TROUBLE[p]=0
    SAME_FIRST[p]='' RUN_FIRST[p]=''
    DUE[p]=$((UP + p * 7 % $5)) SINCE[p]=$UP RUN[p]='' T_RUN[p]='' BEGUN_RUNS[p]=0 WINDOW_FROM[p]=0 USUAL[p]='' LOWER[p]='' LAST_FAILED[p]=0
    paths=$((paths + 1))
}

one_turn() {
    local p next
    clock
    now=$UP
    [ $((now - turn)) -le "$STALL" ] || stalled=$now
    turn=$now next=$((now + 10))
    for ((p = 0; p < paths; p++)); do
        if ((DUE[p] <= now)); then begin_sample "$p"; fi
        if ((DUE[p] < next)); then next=${DUE[p]}; fi
        if ((NUMBER[p] >= FIRST[p])); then expire "$p"; fi
    done
    if ((now - beat >= 100)); then
        beat=$now
        tell_all_is_well
        look_up
    fi
    if ((now - heard > SILENCE)); then why=lost; fi
    if ((now - START >= WATCH_SECONDS * 100)) && ! goes_on $((START + WATCH_SECONDS * 100)); then why=planned; fi
    clock
    next=$((next - UP))
    if ((next < 1)); then next=1; fi
    hear_events "$((next / 100)).$((next % 100 / 10))$((next % 10))"
}

# goes_on END: after the planned end, is there a path of which it is not known yet how long it is interrupted? As
# `unsettled` has it in Python.
goes_on() {
    local p age begun
    ((now < $1 + BEYOND)) || return
    for ((p = 0; p < paths; p++)); do
        begun=${BEGUN[$p.${FIRST[p]}]-}
        if [ -n "$begun" ] && ((begun < $1)); then return 0; fi
        [ -n "${RUN[p]}" ] || continue
        age=$((now - FROM[p]))
        if [ "${SAME[p]}" = "${SAME_FIRST[p]}" ]; then
            [ "${RUN[p]}" != "${RUN_FIRST[p]}" ] && ((age < CALM_FOR)) || continue
        fi
        if ((age < BEYOND)); then return 0; fi
    done
    return 1
}

# hear_events SECONDS: wait so long for one, and take all that are there. A read that has a limit may lose what it has
# begun to read, so what is waited for is a byte on descriptor 6 that nobody needs.
hear_events() {
    local key word rest
    read -r -t "$1" -u 6 rest
    while read -t 0 -u 8 && read -r -u 8 key word rest; do take_event; done
}

take_event() {
    case $key:$word in
        -:ack) heard=$UP ;;
        -:stop) why=stopped ;;
        -:lost) why=lost ;;
        -:address) found_address "$rest" ;;
        -:proof) PROVED[${rest% *}]=${rest#* } ;;
        -:*) ;;
        *)
            [ -n "${BEGUN[$key]-}" ] && [ -z "${STATE[$key]}" ] || return
            clock
            STATE[$key]="$word $rest" ENDED[$key]=$UP open=$((open - 1))
            hand_on "${key%.*}"
            ;;
    esac
}

# found_address ADDRESS: one that the name has twice in a row, or has where none is known, is watched too.
found_address() {
    case $seen_once in *" $1 "*) watch_address "$1" ;; *) seen_once="$seen_once$1 " ;; esac
    [ "$known" != ' ' ] || watch_address "$1"
}

look_up() {
    [ "$looked" != never ] && ((now - looked >= LOOK_UP || looked == 0)) || return
    looked=$now
    {
        lookup "$HOST"
        for address in $ADDRESSES; do echo "- address $address" >&8; done
    } </dev/null >/dev/null 7<&- &
}

begin_sample() {
    local p=$1 key pace=${PACE[$1]}
    pace_of "$p"
    DUE[p]=$((DUE[p] + pace > now ? DUE[p] + pace : now + 1))
    ((open < OPEN_MOST)) || return
    NUMBER[p]=$((NUMBER[p] + 1))
    key=$p.${NUMBER[p]}
    STATE[$key]='' BEGUN[$key]=$now open=$((open + 1))
    case ${LAYER[p]} in
        tcp) sample_tcp "$key" "${ERRORS_FD[p]}" "${PLACE[p]}" "${PORT_OF[p]}" >/dev/null 7<&- & ;;
        dns) sample_dns "$key" "${ERRORS_FD[p]}" "${PLACE[p]}" "${PORT_OF[p]}" >/dev/null 7<&- & ;;
        tls) sample_tls "$key" "${PLACE[p]}" >/dev/null 7<&- & ;;
    esac
    PID[$key]=$!
}

# pace_of PATH: pace, until the next sample begins: sooner where something is wrong, and for a while a volley, which tells
# a lost packet from a lost share of all connections.
pace_of() {
    local oldest=${BEGUN[$1.${FIRST[$1]}]-}
    if [ "${LAYER[$1]}" = tls ]; then
        if ((TROUBLE[$1] > 0)); then
            TROUBLE[$1]=$((TROUBLE[$1] - 1)) pace=$((pace / 2 < RECHECK ? pace / 2 : RECHECK))
        fi
        return
    fi
    SAVED[$1]=$((SAVED[$1] + (now - COUNTED[$1]) / 25))
    if ((now - COUNTED[$1] >= 25)); then COUNTED[$1]=$now; fi
    if ((SAVED[$1] > SAVED_MOST)); then SAVED[$1]=$SAVED_MOST; fi
    if ((VOLLEY[$1] > 0 && SAVED[$1] > 0)); then
        VOLLEY[$1]=$((VOLLEY[$1] - 1)) SAVED[$1]=$((SAVED[$1] - 1)) pace=$HASTE
    elif [ -n "${FAILING[$1]}" ] || { [ -n "$oldest" ] && ((now - oldest > ALARM)); }; then
        [ "${LAYER[$1]}" = dns ] || pace=$((pace / 2))
    fi
}

# expire PATH: what waits too long has failed, unless this machine was too busy to know.
expire() {
    local p=$1 key n most=$PATIENCE
    [ "${LAYER[p]}" != tls ] || most=$DEAR_PATIENCE
    for ((n = FIRST[p]; n <= NUMBER[p]; n++)); do
        key=$p.$n
        ((now - BEGUN[$key] > ALARM)) || break
        [ -z "${STATE[$key]}" ] || continue
        if ((VOLLEY[p] == 0 && n == FIRST[p])) && [ -z "${FAILING[p]}${ENDED[alarm.$key]-}" ]; then
            ENDED[alarm.$key]=yes VOLLEY[p]=$VOLLEY_OF
            ((DUE[p] < now + HASTE)) || DUE[p]=$((now + HASTE))
        fi
        ((now - BEGUN[$key] > most)) || continue
        kill "${PID[$key]}"
        open=$((open - 1)) ENDED[$key]=$now STATE[$key]='down TIMEOUT no answer'
        if ((stalled >= BEGUN[$key])); then STATE[$key]='nothing'; fi
    done
    hand_on "$p"
}

# hand_on PATH: outcomes, in the order in which their samples began.
hand_on() {
    local p=$1 key n state took
    for ((n = FIRST[p]; n <= NUMBER[p]; n++)); do
        key=$p.$n
        state=${STATE[$key]}
        [ -n "$state" ] || break
        took=$((ENDED[$key] - BEGUN[$key]))
        take_sample "$p" "${BEGUN[$key]}" "$took" ${state%% *} "${state#* }"
        unset "STATE[$key]" "BEGUN[$key]" "PID[$key]" "ENDED[$key]" "ENDED[alarm.$key]"
        FIRST[p]=$((n + 1))
    done
}

# take_sample PATH BEGUN TOOK WORD TEXT
take_sample() {
    local p=$1 phase=tcp name
    if [ "$4" = strange ]; then
        who_is_there "${5%% *}" "${5#* }"
        [ -n "$DNS_SAID" ] || return
        set -- "$1" "$2" "$3" up "$DNS_SAID"
    fi
    case $4 in
        nothing)
            if [ "${LAYER[p]}" = tls ]; then close_run "$p"; fi
            return
            ;;
        error) ERROR=$5 ;;
        down)
            case ${LAYER[p]} in dns) phase=udp ;; tls) phase=tls ;; esac
            case ${5%% *} in EXCEPTION | EADDRNOTAVAIL) return ;; esac
            failure "$phase" "${5%% *}" "${5#* }"
            ;;
        *)
            if [ "${LAYER[p]}" = tls ] && (($3 > PATIENCE + 2 * ${USUAL[p]:-$PATIENCE})); then
                take_late_handshake "$@"
                return
            fi
            USUAL[p]=${USUAL[p]:-$3}
            USUAL[p]=$((USUAL[p] + ($3 - USUAL[p]) / 8))
            [ -z "${SAID[p]}" ] || [ "${SAID[p]}" = "${5:-null}" ] || alarm "$p"
            SAID[p]=${5:-null} FAILING[p]=''
            add_sample "$p" "$2" null "${5:-null}" "$3"
            return
            ;;
    esac
    alarm "$p"
    FAILING[p]=yes LAST_FAILED[p]=$2
    name=${ERROR#*\"name\":\"}
    local usual=${USUAL[p]:-$3}
    add_sample "$p" "$2" "$ERROR" null "$((usual < $3 ? usual : $3))" "${name%%\"*}"
}

# take_late_handshake PATH BEGUN TOOK: what was lost was sent again, so the path did not work when it was asked. Where
# connections failed meanwhile, or this machine was busy, it says nothing of handshakes.
take_late_handshake() {
    local lower=${LOWER[$1]}
    if ((stalled >= $2)) || { [ -n "$lower" ] && ((LAST_FAILED[lower] >= $2 - PATIENCE)); }; then
        close_run "$1"
        return
    fi
    decimal "$3"
    take_sample "$1" "$2" "$3" down "TIMEOUT it was opened after $DECIMAL s"
}

alarm() {
    if [ "${LAYER[$1]}" = tls ]; then
        ((TROUBLE[$1] > 0)) || DUE[$1]=$((DUE[$1] < now + 10 ? DUE[$1] : now + 10))
        TROUBLE[$1]=$CALM_DEAR
    elif [ -z "${FAILING[$1]}" ]; then
        VOLLEY[$1]=$VOLLEY_OF
    fi
}

# --- samples -----------------------------------------------------------------------------------------------------------

# said_of TEXT: what became of a sample.
said_of() {
    echo "$1" >&8
    echo >&6
}

sample_tcp() {
    if { exec 3<>"/dev/tcp/$3/$4"; } 2>&"$2"; then said_of "$1 up"; else not_up "$1" "$2"; fi
} </dev/null

# not_up KEY DESCRIPTOR: bash has said why, in two lines or one.
not_up() {
    local text='' other
    read -r -t 0.3 -u "$2" text
    read -r -t 0.05 -u "$2" other
    errno "$text"
    said_of "$1 down ${ERRNO:-EXCEPTION} ${text##*: }"
}

# sample_dns KEY DESCRIPTOR SERVER PORT: a query from a port of its own; the answer as bytes, which zeros take apart.
sample_dns() {
    local first=$((RANDOM % 128 + 32)) second=$((RANDOM % 128 + 32)) wire=$QUERY mark part whole byte n
    local -a B
    local before=$!
    trap '[ "$!" = "$before" ] || kill -9 "$!"; exit' TERM
    if ! { exec 3<>"/dev/udp/$3/$4"; } 2>&"$2"; then
        not_up "$1" "$2"
        return
    fi
    exec 5< <(exec dd bs=4096 count=1 <&3 2>&"$2")
    whole=$!
    printf -v mark '\\%03o\\%03o' "$first" "$second"
    [ "${NAME[${1%%.*}]}" = "$3" ] || wire=$QUERY_AAAA
    if ! $PRINTF "$mark$wire" 2>&"$2" >&3; then
        kill "$whole"
        not_up "$1" "$2"
        return
    fi
    while IFS= read -r -d '' -t "$OWN_PATIENCE" -u 5 part || { n=$? && [ -n "$part" ]; }; do
        while [ -n "$part" ]; do
            printf -v byte %d "'$part"
            B+=($((byte & 255))) part=${part#?}
        done
        [ -z "${n-}" ] || break
        B+=(0)
    done
    if [ "${#B[@]}" -ge 12 ]; then
        if [ "${B[0]}.${B[1]}" = "$first.$second" ] && ((B[2] & 128)); then
            read_dns
            if [ "$wire" = "$QUERY_AAAA" ]; then DNS_SAID='{"private":false}' STRANGE=''; fi
            # What is cut short is worth what comes over TCP, which nobody asks here: that is no sample.
            if ((B[2] & 2)); then said_of "$1 nothing" && return; fi
            if [ -n "$STRANGE" ]; then said_of "$1 strange $STRANGE $DNS_SAID"; else said_of "$1 up $DNS_SAID"; fi
        fi
    elif [ "${n:-0}" -gt 128 ]; then
        kill "$whole"
    else
        not_up "$1" "$2"
    fi
} </dev/null

# read_dns: DNS_SAID, of the bytes in B; STRANGE, the addresses that are not watched, with commas between them.
read_dns() {
    local at=12 left=$((B[4] * 256 + B[5])) answers=$((B[6] * 256 + B[7])) found=false size address
    STRANGE=''
    while ((left-- > 0)); do
        skip_name
        at=$((at + 4))
    done
    while ((answers-- > 0 && at + 10 < ${#B[@]})); do
        skip_name
        size=$((B[at + 8] * 256 + B[at + 9]))
        if ((B[at] * 256 + B[at + 1] == 1 && size == 4 && at + 13 < ${#B[@]})); then
            found=true
            address=${B[at + 10]}.${B[at + 11]}.${B[at + 12]}.${B[at + 13]}
            case $known in *" $address "*) ;; *) STRANGE=$STRANGE${STRANGE:+,}$address ;; esac
        fi
        at=$((at + 10 + size))
    done
    DNS_SAID="{\"rcode\":$((B[3] & 15)),\"addresses\":$found,\"private\":false}"
}

# who_is_there ADDRESSES SAID: DNS_SAID, what an answer says with addresses that are not watched: those have to prove
# themselves by a handshake, once, and each second while they do not. Empty while that is not known.
who_is_there() {
    local address
    DNS_SAID=$2
    for address in ${1//,/ }; do
        prove_address "$address"
        case ${PROVED[$address]-} in
            yes) ;;
            no) [ -z "$DNS_SAID" ] || DNS_SAID=${2/'"private":false'/'"private":true'} ;;
            *) DNS_SAID='' ;;
        esac
    done
}

prove_address() {
    if [ -z "$OPENSSL" ]; then
        [ -n "${PROVED_AT[nobody]-}" ] ||
            not_watched dns "$1 was given, which is not watched, and without openssl nobody knows who is there" 'install openssl, or python3'
        PROVED_AT[nobody]=$now
        return
    fi
    [ "${PROVED[$1]-}" != yes ] && ((now - ${PROVED_AT[$1]:--$RECHECK} >= RECHECK)) || return
    [ -n "${PROVED_AT[$1]-}" ] || [ "${#PROVED_AT[@]}" -lt "$MOST_ADDRESSES" ] || return
    PROVED_AT[$1]=$now
    proof "$1" >/dev/null 7<&- &
}

# proof ADDRESS: is the tenant there?
proof() {
    local said shown=no
    ADDRESS=$1
    way_of_openssl
    said=$(bounded "$HANDSHAKE" openssl s_client "${OPENSSL_WAY[@]}" 2>&1 </dev/null)
    case $said in
        *"${NL}New, "*', Cipher is (NONE)'*) ;;
        *"${NL}New, "*'Verify return code: 0 '*) shown=yes ;;
    esac
    said_of "- proof $1 $shown"
} </dev/null

skip_name() {
    while ((at < ${#B[@]} && B[at] > 0 && B[at] < 192)); do at=$((at + B[at] + 1)); done
    at=$((at + (B[at] >= 192 ? 2 : 1)))
}

# sample_tls KEY ADDRESS: a handshake that verifies; through the proxy where there is no address.
sample_tls() {
    local key=$1 said code version issuer=''
    ADDRESS=$2
    way_of_openssl
    said=$(bounded "$HANDSHAKE" openssl s_client "${OPENSSL_WAY[@]}" 2>&1 </dev/null)
    late "$?"
    code=${said#*'Verify return code: '} version=${said#*"${NL}New, "}
    case $said in
        *"${NL}New, "*', Cipher is (NONE)'*) not_shaken ;;
        *"${NL}New, "*'Verify return code: 0 '*)
            case $said in *"${NL}issuer="*) issuer=${said#*"${NL}issuer="} issuer=${issuer%%"$NL"*} ;; esac
            cut 200 "$issuer"
            json "$CUT"
            issuer=$J
            json "${version%%,*}"
            said_of "$key up {\"version\":$J,\"issuer\":$issuer}"
            ;;
        *"${NL}New, "*'Verify return code: '*)
            code=${code%%"$NL"*}
            failure tls VERIFY "${code#* }" "${code%% *}" CERTIFICATE_VERIFY_FAILED
            said_of "$key error $ERROR"
            ;;
        *) not_shaken ;;
    esac
} </dev/null

# not_shaken: what openssl said of a handshake that came to no end. Where nothing is said that is known, it is no sample.
not_shaken() {
    local reason
    case $said in
        *connect:errno=* | *'onnection refused'* | *'BIO_connect'*)
            [ -z "$ADDRESS" ] || { said_of "$key nothing" && return; }
            errno "$said"
            failure tcp "${ERRNO:-TIMEOUT}" 'the proxy was not reached'
            ;;
        *'HTTP CONNECT failed'* | *'proxy'*'failed'*) failure proxy STATUS 'the proxy did not open a tunnel' ;;
        *'unexpected eof'* | *'write:errno=0'* | *'read:errno=0'*) failure tls EOF 'closed by the peer during the handshake' ;;
        *:errno=104*) failure tls ECONNRESET 'Connection reset by peer' ;;
        *:errno=32*) failure tls EPIPE 'Broken pipe' ;;
        *:error:*)
            reason=${said#*:error:*:*:*:} reason=${reason%%:*}
            failure tls SSL "$reason"
            ;;
        *)
            [ -n "$LATE" ] || { said_of "$key nothing" && return; }
            failure tls TIMEOUT 'no answer before the deadline'
            ;;
    esac
    said_of "$key error $ERROR"
}

# way_of_openssl: OPENSSL_WAY, its options for a handshake as the agent makes one, and with one as large as the agent's.
way_of_openssl() {
    local protocols=http/1.1 number
    for number in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do protocols=$protocols,nc-$PADDING-$number; done
    OPENSSL_WAY=(-no_ssl3 -no_tls1 -no_tls1_1 -cipher "$GO_CIPHERS" -alpn "$protocols" -partial_chain)
    if [ -z "$ADDRESS" ]; then
        OPENSSL_WAY+=(-connect "$HOST:$PORT" -proxy "${PROXY_URL#*://}")
        if [ -n "$PROXY_LOGIN" ]; then
            export NC_PROXY_PASSWORD=${PROXY_LOGIN#*:}
            OPENSSL_WAY+=(-proxy_user "${PROXY_LOGIN%%:*}" -proxy_pass env:NC_PROXY_PASSWORD)
        fi
    else
        named "$ADDRESS" "$PORT"
        OPENSSL_WAY+=(-connect "$PLACED")
    fi
    if is_address "$HOST"; then OPENSSL_WAY+=(-verify_ip "$HOST"); else OPENSSL_WAY+=(-servername "$HOST" -verify_hostname "$HOST"); fi
    [ -z "$STORE" ] || OPENSSL_WAY+=(-CAfile "$STORE")
    [ -z "$STORE_DIR" ] || OPENSSL_WAY+=(-CApath "$STORE_DIR")
    [ -z "$S_CLIENT" ] || OPENSSL_WAY+=("$S_CLIENT")
}

# --- runs --------------------------------------------------------------------------------------------------------------

# add_sample PATH AT ERROR ANSWER TOOK NAME: `null` where there was none.
add_sample() {
    local p=$1 blind=$((BLIND * PACE[$1])) same=$4
    ((blind >= BLIND_LEAST)) || blind=$BLIND_LEAST
    [ "$3" = null ] || same=failed
    if [ -n "${RUN[p]}" ] && (($2 - TO[p] > blind)); then close_run "$p"; fi
    if [ -n "${RUN[p]}" ] && [ "${MIXED[p]}" = true ]; then
        if [ -z "${T_RUN[p]}" ] || ((T_COUNT[p] < CALM_RUN)); then
            mix "$@"
            return
        fi
        close_run "$p"
    fi
    if [ -n "${RUN[p]}" ] && [ "$same" = "${SAME[p]}" ]; then
        count "$p" "$2" "$3" "$5" "${6-}"
        return
    fi
    close_run "$p"
    if (($2 - WINDOW_FROM[p] > WINDOW)); then WINDOW_FROM[p]=$2 BEGUN_RUNS[p]=0; fi
    BEGUN_RUNS[p]=$((BEGUN_RUNS[p] + 1))
    runs=$((runs + 1))
    RUN[p]=$runs SAME[p]=$same FROM[p]=$2 TO[p]=$2 COUNT[p]=0 FAILED[p]=0 MIXED[p]=false ERROR_OF[p]=$3 ANSWER_OF[p]=$4
    ERRORS[p]=' ' TOOK[p]=$5 GAP[p]=0 RUN_FIRST[p]=${RUN_FIRST[p]:-$runs}
    if [ "$3" = null ]; then SAME_FIRST[p]=${SAME_FIRST[p]:-$same}; fi
    if [ "$3" != null ] && ((BEGUN_RUNS[p] > RUNS_MOST)); then MIXED[p]=true; fi
    count "$p" "$2" "$3" "$5" "${6-}"
    tell_run "$p" true
}

# count PATH AT ERROR TOOK NAME
count() {
    local p=$1 gap=$(($2 + $4 - TO[$1])) number=0 rest names
    if ((COUNT[p] > 0 && gap > GAP[p])); then GAP[p]=$gap; fi
    TO[p]=$2 COUNT[p]=$((COUNT[p] + 1))
    [ "$3" != null ] || return
    FAILED[p]=$((FAILED[p] + 1))
    rest=${ERRORS[p]}
    case $rest in
        *" $5="*) number=${rest#*" $5="} number=${number%% *} rest=${rest/" $5=$number "/ } ;;
        *)
            names=(${rest})
            [ "${#names[@]}" -lt "$ERRORS_MOST" ] || return
            ;;
    esac
    ERRORS[p]="$rest$5=$((number + 1)) "
}

# mix PATH AT ERROR ANSWER TOOK NAME: one more sample of a mixed run; a good one waits for whether another fails after it.
mix() {
    local p=$1
    if [ "$3" = null ]; then
        if [ -z "${T_RUN[p]}" ]; then
            runs=$((runs + 1))
            T_RUN[p]=$runs T_FROM[p]=$2 T_TO[p]=$2 T_COUNT[p]=0 T_ANSWER[p]=$4 T_TOOK[p]=$5 T_GAP[p]=0
        fi
        if ((T_COUNT[p] > 0 && $2 + $5 - T_TO[p] > T_GAP[p])); then T_GAP[p]=$(($2 + $5 - T_TO[p])); fi
        T_TO[p]=$2 T_COUNT[p]=$((T_COUNT[p] + 1))
        return
    fi
    if [ -n "${T_RUN[p]}" ]; then COUNT[p]=$((COUNT[p] + T_COUNT[p])); fi
    T_RUN[p]=''
    count "$p" "$2" "$3" "$5" "${6-}"
    if (($2 - FROM[p] > MIXED_FOR)); then close_run "$p"; fi
}

close_run() {
    local p=$1
    if [ -n "${RUN[p]}" ]; then tell_run "$p" false; fi
    if [ -n "${T_RUN[p]}" ]; then
        RUN[p]=${T_RUN[p]} FROM[p]=${T_FROM[p]} TO[p]=${T_TO[p]} COUNT[p]=${T_COUNT[p]} FAILED[p]=0 MIXED[p]=false
        ERROR_OF[p]=null ANSWER_OF[p]=${T_ANSWER[p]} ERRORS[p]=' ' TOOK[p]=${T_TOOK[p]} GAP[p]=${T_GAP[p]}
        tell_run "$p" false
    fi
    RUN[p]='' T_RUN[p]=''
}

# tell_run PATH OPEN
tell_run() {
    local p=$1 fields each names=''
    json "${NAME[p]}"
    fields="\"open\":$2,\"task\":\"watch\",\"layer\":\"${LAYER[p]}\",\"path\":$J"
    decimal "${PACE[p]}"
    fields="$fields,\"every\":$DECIMAL"
    wall "${SINCE[p]}"
    fields="$fields,\"since\":$WALL,\"run\":${RUN[p]}"
    wall "${FROM[p]}"
    fields="$fields,\"from\":$WALL"
    wall "${TO[p]}"
    fields="$fields,\"to\":$WALL,\"samples\":${COUNT[p]},\"failed\":${FAILED[p]},\"mixed\":${MIXED[p]}"
    fields="$fields,\"error\":${ERROR_OF[p]},\"answer\":${ANSWER_OF[p]},\"showed\":null"
    for each in ${ERRORS[p]}; do names="$names${names:+,}\"${each%=*}\":${each#*=}"; done
    [ -z "$names" ] || fields="$fields,\"errors\":{$names}"
    decimal "${TOOK[p]}"
    fields="$fields,\"took\":$DECIMAL"
    decimal "${GAP[p]}"
    say_word run "$fields,\"gap\":$DECIMAL" || why=lost
}

tell_all_is_well() {
    local p rows='' to
    for ((p = 0; p < paths; p++)); do
        [ -n "${RUN[p]}" ] || continue
        wall "${TO[p]}"
        to=$WALL
        decimal "${GAP[p]}"
        rows="$rows${rows:+,}[${RUN[p]},$to,${COUNT[p]},${FAILED[p]},$DECIMAL]"
    done
    wall "$now"
    printf '{"kind":"watch","what":"alive","at":%s,"open":[%s],"pid":%s}\n' "$WALL" "$rows" "$$" || why=lost
}

# finish: let the last samples end, close the runs, and say so.
finish() {
    local end p reason=$why key
    clock
    end=$((UP + 100))
    [ "$reason" != lost ] || end=0
    while clock && now=$UP && ((open > 0 && UP < end)); do
        turn=$now
        for ((p = 0; p < paths; p++)); do expire "$p"; done
        hear_events 0.05
    done
    for key in "${!PID[@]}"; do [ -n "${STATE[$key]}" ] || kill "${PID[$key]}"; done
    [ "$reason" != lost ] || return
    for ((p = 0; p < paths; p++)); do close_run "$p"; done
    clock
    wall "$UP"
    decimal $((UP - START))
    say_word end "\"task\":\"watch\",\"at\":$WALL,\"why\":\"$reason\",\"seconds\":$DECIMAL"
}

sample_paths
