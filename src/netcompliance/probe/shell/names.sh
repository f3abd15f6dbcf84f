# shellcheck shell=sh disable=SC2034,SC2154
# Names: as the system resolves them, and as each configured nameserver says when it is asked itself.
#
# Rules
# * Where bash can send datagrams, the query goes out and the answer comes back as bytes. Where only nslookup can ask, the
#   record says in words what it said (`rcode`, `addresses`).
# * An answer counts if it begins like one: the query's id, and the bit that says "response".

# lookup NAME: ADDRESSES, and ERROR (null if there are any).
lookup() {
    ADDRESSES='' ERROR=null
    case $RESOLVER in
        getent) by_getent "$1" ;;
        nslookup) by_nslookup "$1" ;;
        *) return 1 ;;
    esac
}

by_getent() {
    said=$(bounded 8 getent ahosts "$1" 2>/dev/null)
    late $?
    for word in $said; do
        is_address "${word%%%*}" || continue
        case " $ADDRESSES " in *" $word "*) ;; *) ADDRESSES="$ADDRESSES $word" ;; esac
    done
    [ -z "$ADDRESSES" ] || return 0
    if [ -n "$LATE" ]; then
        failure resolve TIMEOUT 'getent did not come back'
        return 0
    fi
    why_not "$1"
}

# why_not NAME: getent does not say why there is no address; others print getaddrinfo's words.
why_not() {
    text=''
    if [ -n "$BASH_NET" ]; then
        text=$(bounded 8 bash -c 'exec 3<>"/dev/tcp/$1/9"' sh "$1" 2>&1)
    elif [ -n "$OPENSSL" ]; then
        text=$(bounded 8 openssl s_client -connect "$1:9" 2>&1 </dev/null)
    fi
    case $text in
        *'ame or service not known'* | *'ame does not resolve'*) failure resolve GAI 'Name or service not known' -2 ;;
        *'emporary failure in name resolution'* | *'ry again'*) failure resolve GAI 'Temporary failure in name resolution' -3 ;;
        *'o address associated with'*) failure resolve GAI 'No address associated with hostname' -5 ;;
        *) return 1 ;;
    esac
}

by_nslookup() {
    hosts_lines "$1"
    if [ -n "$HOSTS_ADDRESSES" ]; then
        ADDRESSES=$HOSTS_ADDRESSES
        return 0
    fi
    worst=NXDOMAIN
    for name in $(as_programs_try "$1"); do
        ask_nslookup 8 "$name"
        [ -z "$ADDRESSES" ] || return 0
        case $RCODE:$worst in
            NXDOMAIN:* | NOERROR:SERVFAIL) ;;
            NOERROR:*) worst=NOERROR ;;
            :*) worst='no answer' && break ;;
            *) worst=$RCODE ;;
        esac
    done
    case $worst in
        NOERROR) failure resolve GAI 'nslookup: no address' ;;
        NXDOMAIN) failure resolve GAI 'nslookup: NXDOMAIN' -2 ;;
        *) failure resolve GAI "nslookup: $worst" -3 ;;
    esac
}

# as_programs_try NAME: the names under which the C library would look for it, in its order.
as_programs_try() {
    case $1 in
        *.)
            echo "$1"
            return
            ;;
    esac
    ndots=1 dots=$1 count=0
    for option in $OPTIONS; do case $option in ndots:[0-9]) ndots=${option#*:} ;; ndots:*) ndots=15 ;; esac; done
    while :; do case $dots in *.*) dots=${dots#*.} count=$((count + 1)) ;; *) break ;; esac; done
    [ "$count" -lt "$ndots" ] || echo "$1."
    for domain in $SEARCH; do echo "$1.${domain%.}."; done
    [ "$count" -ge "$ndots" ] || echo "$1."
}

# ask_nslookup SECONDS ARGUMENT…: RCODE (empty: no answer) and ADDRESSES.
ask_nslookup() {
    RCODE='' ADDRESSES='' answered='' seconds=$1
    shift
    said=$(bounded "$seconds" nslookup "$@" 2>&1)
    IFS=$NL
    for line in $said; do
        case $line in
            Name:*) answered=yes RCODE=NOERROR ;;
            *"an't find "*': '*) RCODE=${line##*: } ;;
            *'arse error'* | *'on-authoritative'*) [ -n "$RCODE" ] || RCODE=NOERROR ;;
            Address*:*)
                [ -n "$answered" ] || continue
                line=${line##*: }
                line=${line#"${line%%[! 	]*}"}
                is_address "${line%% *}" && ADDRESSES="$ADDRESSES ${line%% *}"
                ;;
        esac
    done
    IFS=" 	$NL"
    case $RCODE in
        'No answer') RCODE=NOERROR ;;
        NOERROR | NXDOMAIN | SERVFAIL | REFUSED | NOTIMP | FORMERR | '') ;;
        *[!A-Z]*) RCODE='' ;;
    esac
}

# report_lookup TASK NAME PURPOSE HOST: the `resolve` record, and the addresses for whoever waits for them.
report_lookup() {
    begin
    if ! lookup "$2"; then
        unseen resolve "$2 has no address here, and no tool says why" 'install python3'
        return
    fi
    took
    # shellcheck disable=SC2086 # a list
    strings $ADDRESSES
    addresses=$J
    json "$2"
    record="\"kind\":\"resolve\",\"task\":\"$1\",\"name\":$J,\"purpose\":\"$3\",\"addresses\":$addresses"
    json "$4"
    emit "$record,\"host\":$J,\"canonical\":null,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
    case $3 in bare | rooted | host) for address in $ADDRESSES; do echo "address $4 $address" >&8; done ;; esac
}

# query SERVER NAME TYPE PORT QUERY PREFIXED START PLAIN: as it is with EDNS0; and where that brings no address and no
# "no such name", once without.
query() {
    SERVER=$1 NAME=$2 TYPE=$3 DNS_PORT=$4 QUERY=$5 PREFIXED=$6 BEGINNING=$7 PLAIN=$8 EDNS=true
    query_with_edns
    [ -n "$PLAIN" ] && [ -z "$ADDRESSES" ] && [ "$BY_BYTES" = yes ] || return
    [ "$(byte_of_answer 4 16)" != 3 ] || return
    begin
    QUERY=$PLAIN EDNS=false RESPONSE='' RCODE=''
    by_udp
    report_query udp
}

# query_with_edns: UDP, then TCP where UDP was truncated or brought nothing.
query_with_edns() {
    begin
    BY_BYTES=''
    RESPONSE='' RCODE='' ADDRESSES='' ATTEMPTS=1
    if [ -n "$BASH_NET" ] && [ -n "$TIMEOUT" ] && [ -n "$BASE64" ] && have dd; then
        BY_BYTES=yes
        by_udp
    elif have nslookup; then
        lower "$TYPE"
        ask_nslookup 4 "-type=$LOWER" "$NAME." "$SERVER"
        [ -n "$RCODE" ] || failure udp TIMEOUT 'nslookup got no answer'
        [ -z "$RCODE" ] || ERROR=null
        if [ "$RCODE" = NOERROR ] && [ -z "$ADDRESSES" ]; then
            empty_by_nslookup
            return
        fi
    else
        return
    fi
    report_query udp
    announce
    [ -z "$RESPONSE$RCODE" ] || [ "$(truncated)" = yes ] || return
    begin
    RCODE='' ADDRESSES='' RESPONSE=''
    by_tcp || return
    report_query tcp
    announce
}

# empty_by_nslookup: no address, or an answer that was cut: nslookup does not say which. TCP tells.
empty_by_nslookup() {
    by_tcp && [ -n "$RESPONSE" ] || return
    RCODE=''
    report_query tcp
    announce
}

# truncated: does the answer carry the bit TC?
truncated() {
    [ -n "$RESPONSE" ] && have od || return
    # shellcheck disable=SC2046 # words
    set -- $(decode "$RESPONSE" | od -An -v -tu1 -N 4)
    [ $((${3:-0} / 2 % 2)) -eq 0 ] || echo yes
}

# byte_of_answer NUMBER MODULUS: a byte of the answer's head, counted from one.
byte_of_answer() {
    [ -n "$RESPONSE" ] && have od || return
    # shellcheck disable=SC2046 # words
    set -- "$2" $(decode "$RESPONSE" | od -An -v -tu1 -N "$1" | tr '\n' ' ' | sed 's/.* \([0-9][0-9]*\) *$/\1/')
    echo $((${2:-0} % $1))
}

by_udp() {
    ERROR=null
    for ATTEMPTS in 1 2; do
        # shellcheck disable=SC2016 # for bash
        RESPONSE=$(bounded 4 bash -c '
            trap "" PIPE
            exec 3<>"/dev/udp/$1/$2" || exit
            if [ "$3" = base64 ]; then printf "%s\n" "$4" | base64 -d >&3; else printf %s "$4" | openssl base64 -d -A >&3; fi
            for again in 1 2 3; do
                if [ "$3" = base64 ]; then
                    told=$(timeout $5 2 dd bs=65535 count=1 <&3 2>/dev/null | base64 | tr -d "\n")
                else
                    told=$(timeout $5 2 dd bs=65535 count=1 <&3 2>/dev/null | openssl base64 -A)
                fi
                [ -n "$told" ] || break
                case $told in "$6"*) printf %s "$told"; break ;; esac
            done' sh "$SERVER" "$DNS_PORT" "$BASE64" "$QUERY" "$OLD_TIMEOUT" "$BEGINNING" 2>/dev/null)
        [ -z "$RESPONSE" ] || return 0
    done
    # shellcheck disable=SC2016 # for bash
    errno "$(bounded 2 bash -c 'exec 3<>"/dev/udp/$1/$2"' sh "$SERVER" "$DNS_PORT" 2>&1)"
    if [ "$ERRNO" = ENETUNREACH ]; then failure udp ENETUNREACH 'Network is unreachable'; else failure udp TIMEOUT "no answer to $ATTEMPTS queries"; fi
}

by_tcp() {
    ERROR=null ATTEMPTS=1
    if [ -n "$BASH_NET" ] && have dd && have od; then
        # shellcheck disable=SC2016 # for bash
        RESPONSE=$(bounded 3 bash -c '
            exec 3<>"/dev/tcp/$1/$2" || exit
            if [ "$3" = base64 ]; then printf "%s\n" "$4" | base64 -d >&3; else printf %s "$4" | openssl base64 -d -A >&3; fi
            set -- "$3" $(dd bs=1 count=2 <&3 2>/dev/null | od -An -tu1)
            [ $# -eq 3 ] || exit
            if [ "$1" = base64 ]; then
                dd bs=1 count=$(($2 * 256 + $3)) <&3 2>/dev/null | base64 | tr -d "\n"
            else
                dd bs=1 count=$(($2 * 256 + $3)) <&3 2>/dev/null | openssl base64 -A
            fi' sh "$SERVER" "$DNS_PORT" "$BASE64" "$PREFIXED" 2>/dev/null)
    elif [ "$NC" = busybox ] && [ -n "$TIMEOUT" ] && have dd; then
        RESPONSE=$( { decode "$PREFIXED" && sleep 2; } | bounded 3 nc -w 2 "$SERVER" "$DNS_PORT" 2>/dev/null | { dd bs=1 count=2 >/dev/null 2>&1; $ENCODE; })
    else
        return 1
    fi
    case $RESPONSE in
        "$BEGINNING"*) ;;
        '') if [ "$ERRNO" = ENETUNREACH ]; then failure tcp ENETUNREACH 'Network is unreachable'; else failure tcp TIMEOUT 'no answer over TCP'; fi ;;
        *) failure body PROTOCOL 'no answer to our query' && RESPONSE='' ;;
    esac
}

# announce: the addresses in an answer; only those of the first nameserver are in use.
announce() {
    [ -z "$RESPONSE" ] || { have awk && have od && ADDRESSES=$(decode "$RESPONSE" | od -An -v -tu1 | awk "$DNS_AWK"); }
    # shellcheck disable=SC2086 # a list
    set -- $NAMESERVERS
    [ "${1-$SERVER}" = "$SERVER" ] || return 0
    for address in $ADDRESSES; do echo "address $NAME $address" >&8; done
}

report_query() {
    took
    json "$SERVER"
    record="\"kind\":\"dns\",\"task\":\"dns\",\"server\":$J,\"transport\":\"$1\""
    json "$NAME"
    record="$record,\"name\":$J,\"rdtype\":\"$TYPE\",\"query\":\"$QUERY\""
    if [ -n "$RESPONSE" ]; then record="$record,\"response\":\"$RESPONSE\""; else record="$record,\"response\":null"; fi
    if [ -n "$RCODE" ]; then
        # shellcheck disable=SC2086 # a list
        strings $ADDRESSES
        record="$record,\"rcode\":\"$RCODE\",\"addresses\":$J"
    fi
    emit "$record,\"attempts\":$ATTEMPTS,\"strays\":0,\"edns\":$EDNS,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
}
