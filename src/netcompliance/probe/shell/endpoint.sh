# shellcheck shell=sh disable=SC2034,SC2154
# A host, looked at over one way: TCP or CONNECT, TLS, and the requests of the plan.
#
# What is asked at one address only goes to the first that verifies: `main` decides which, by the event `verified`.

MOST=12

# look TASK HOST PORT ADDRESS NUMBER: over the proxy where there is no address. Of a name, only the first MOST addresses
# are looked at whole; to the rest it is only connected.
look() {
    TASK=$1 HOST=$2 PORT=$3 ADDRESS=$4 UNVERIFIED='' FULL=''
    if [ -z "$ADDRESS" ]; then
        route_to "$HOST" "$PORT"
        look_through_proxy
        return
    fi
    THROUGH=''
    [ "$5" -le "$MOST" ] || FULL=false
    report_connect "$TASK" "$HOST" "$ADDRESS" "$PORT" "$CONNECT"
    opened=$?
    # A router says only so often that it refuses, and once is enough.
    case $TASK:$ERROR in tenant:null | tenant:*TIMEOUT*) spawn "$TASK" shares "$HOST" "$ADDRESS" "$PORT" "$5" ;; esac
    [ "$opened" = 0 ] && [ -z "$FULL" ] || return
    if [ -n "$OPENSSL" ]; then
        shake verify
    elif can_ask; then
        begin
        ask_for_the_handshake
        took
        shake_by_curl
    else
        return
    fi
    go_on
}

can_ask() { [ -n "$CURL" ] && [ -n "$BASE64" ]; }

ask_for_the_handshake() {
    way_options
    [ -z "$CHAINS" ] || MORE_FIGURES='%{certs}'
    MODE=text HIDE=no
    case $HOST in *:*) place="[$HOST]" ;; *) place=$HOST ;; esac
    set -- --tlsv1.2
    [ -z "$STORE" ] || set -- "$@" --cacert "$STORE"
    [ -z "$STORE_DIR" ] || set -- "$@" --capath "$STORE_DIR"
    [ -z "$CURL_CIPHERS" ] || set -- "$@" --ciphers "$CURL_CIPHERS"
    fetch "$EXCHANGE" 4096 4096 "$@" "https://$place:$PORT/"
    MORE_FIGURES=''
}

# go_on: what follows a handshake.
go_on() {
    case $HANDSHAKE_ERROR in
        null)
            echo "verified $TASK $HOST $PORT $ADDRESS" >&8
            [ "$TASK" != tenant ] || plan_requests each
            greet
            [ "$TASK" != tenant ] || plan_uploads
            ;;
        *'"name":"VERIFY"'* | *'"name":"SSL"'*)
            if [ -n "$OPENSSL" ] && { [ -n "$ADDRESS" ] || openssl_tunnels; }; then shake identify; fi
            UNVERIFIED=yes
            [ "$TASK" != tenant ] || plan_requests each
            ;;
    esac
}

# greet: with a large ClientHello, once.
greet() {
    GREETS=''
    if [ -n "$LARGE_HELLO" ] && [ -n "$OPENSSL" ] && { [ -n "$ADDRESS" ] || openssl_tunnels; }; then spawn "$TASK" shake large-hello; fi
}

# request PURPOSE METHOD PATH BODY KEY CALLER QUERY CONTENT HEADER…: as the plan has it. To an unverified peer only what
# says who it is.
request() {
    if [ -z "$UNVERIFIED" ]; then
        spawn "$TASK" ask true "$@"
        return
    fi
    case $1 in receiver | sibling) spawn "$TASK" ask false "$@" ;; esac
}

# uploads PATH SIZE…: the largest first, since a process for each size costs more than it shows; where it does not come
# through, growing ones say from which size on. One that was cut may have been refused: curl, which goes on writing, does not
# always read the answer of a peer that closes, so after the growing ones it is tried once more.
uploads() {
    can_ask && have head && have tr || return
    path=$1
    shift
    for largest; do :; done
    upload upload "$path" "$largest" && return
    of_largest=$?
    for size; do
        [ "$size" = "$largest" ] || upload upload "$path" "$size" || return
    done
    [ "$of_largest" -ne "$WAS_CUT" ] || upload upload "$path" "$largest"
}

look_through_proxy() {
    if ! can_ask; then
        unseen proxy 'curl is not there' 'install curl'
        return
    fi
    begin
    CONNECT_STATUS=000 CONNECT_HEADERS='' CONNECT_REASON='' CONNECT_MALFORMED='' other=null
    case $PROXY_SCHEME in
        http | https) ask_for_the_handshake ;;
        *)
            CURL_CODE='' STATUS=''
            failure proxy UNSUPPORTED "a proxy of the scheme $PROXY_SCHEME cannot be looked through"
            ;;
    esac
    took
    handshake=$ERROR other=null
    how_far
    if [ "$reached" != open ]; then other_scheme; fi
    report_proxy
    [ "$reached" = open ] || return
    if lost_in_a_body; then
        unseen http 'the proxy grants CONNECT with a body, which the agent throws away and curl takes for the tunnel' 'install python3'
        return
    fi
    if openssl_tunnels; then
        shake verify
    else
        ERROR=$handshake
        shake_by_curl
    fi
    go_on
}

# lost_in_a_body: did the handshake fail behind a grant that had a body?
lost_in_a_body() {
    [ "$CURL_CODE" = 35 ] || return
    lower "$CONNECT_HEADERS"
    case $LOWER in *'"content-length","'[1-9]* | *'"transfer-encoding",'*) ;; *) return 1 ;; esac
}

# how_far: `reached`, and ERROR as the proxy's.
how_far() {
    reached=connect
    case $CONNECT_STATUS:$CURL_CODE in
        200:*) if [ -z "$CONNECT_MALFORMED" ]; then reached=open ERROR=null; else failure proxy STATUS "200 $CONNECT_REASON"; fi ;;
        000:5) reached=resolve && failure resolve GAI "$text" ;;
        000:7) reached=tcp ;;
        000:28)
            if [ "$TC" -eq 0 ]; then reached=tcp; elif [ "$TA" -eq 0 ] && [ "$PROXY_SCHEME" = https ]; then reached=tls; fi
            [ "$reached" != connect ] || failure proxy TIMEOUT "$text"
            ;;
        000:60) reached=tls ;;
        000:35)
            if [ "$PROXY_SCHEME" = https ]; then reached=tls; else failure proxy "${ERRNO:-EOF}" "$text"; fi
            ;;
        000:) reached=resolve ;;
        000:*)
            case $ERRNO:$text in
                ?*:*) failure proxy "$ERRNO" "$text" ;;
                *) failure proxy EOF "$text" ;;
            esac
            ;;
        *) failure proxy STATUS "$CONNECT_STATUS $CONNECT_REASON" ;;
    esac
    return 0
}

# other_scheme: does the proxy answer in the other one? Only where it did not speak the declared one.
other_scheme() {
    case $reached:$CONNECT_STATUS in tls:000 | connect:000 | connect:400) ;; *) return ;; esac
    kept_error=$ERROR kept_status=$CONNECT_STATUS kept_headers=$CONNECT_HEADERS kept_reason=$CONNECT_REASON
    kept_malformed=$CONNECT_MALFORMED kept_scheme=$PROXY_SCHEME
    if [ "$PROXY_SCHEME" = http ]; then PROXY_SCHEME=https; else PROXY_SCHEME=http; fi
    way_options
    MODE=text HIDE=no
    fetch 3 4096 4096 -k --proxy-insecure "https://$HOST:$PORT/"
    other=false
    [ "$CONNECT_STATUS" = 000 ] || other=true
    ERROR=$kept_error CONNECT_STATUS=$kept_status CONNECT_HEADERS=$kept_headers CONNECT_REASON=$kept_reason
    PROXY_SCHEME=$kept_scheme CONNECT_MALFORMED=$kept_malformed
}

report_proxy() {
    common_fields proxy
    json "$HOST:$PORT"
    record="$record,\"target\":$J"
    json "$PROXY_SCHEME"
    record="$record,\"declared\":$J,\"phase\":\"$reached\",\"proxy_address\":null"
    if [ "$CONNECT_STATUS" = 000 ]; then J=null; else number "$CONNECT_STATUS"; fi
    record="$record,\"status\":$J"
    maybe "$CONNECT_REASON"
    record="$record,\"reason\":$J,\"headers\":[$CONNECT_HEADERS],\"body\":null,\"received\":null,\"other_scheme\":$other"
    maybe "$CONNECT_MALFORMED"
    record="$record,\"go_refuses\":$J"
    if [ -n "$PROXY_LOGIN" ]; then record="$record,\"login\":true"; else record="$record,\"login\":false"; fi
    emit "$record,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
}
