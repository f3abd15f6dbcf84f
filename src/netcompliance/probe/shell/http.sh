# shellcheck shell=sh disable=SC2034,SC2154
# HTTP by curl: one request, one answer, bounded in every direction.
#
# Rules
# * curl's own files are not read. What is secret (the API key, a token, the proxy's login) goes to it over standard
#   input, never as an argument.
# * The body comes as base64 through one pipe, head and figures as text through another. Lines of ours are told from
#   the peer's by a mark that is made up per visit, and the last one counts.

EXCHANGE=9
GO_AGENT=Go-http-client/1.1
MORE_FIGURES=''
MORE_ADDRESSES=''
FIGURES='%{http_code} %{http_connect} %{time_connect} %{time_appconnect} %{time_pretransfer} %{time_starttransfer} %{size_download} %{size_upload} %{ssl_verify_result} %{proxy_ssl_verify_result}'

# quoted TEXT: QUOTED, as a value in curl's configuration.
quoted() {
    QUOTED='' rest=$1
    while :; do
        plain=${rest%%[\\\"]*}
        QUOTED=$QUOTED$plain rest=${rest#"$plain"}
        [ -n "$rest" ] || break
        tail=${rest#?}
        QUOTED=$QUOTED\\${rest%"$tail"} rest=$tail
    done
    QUOTED="\"$QUOTED\""
}

# secret OPTION VALUE: a line of CONFIG.
secret() {
    case $2 in *"$NL"* | *"$CR"*) return ;; esac
    quoted "$2"
    CONFIG="$CONFIG$1 = $QUOTED$NL"
}

# way_options: CONFIG, NOPROXY and RESOLVE for the way to HOST; the arguments are added to by whoever calls.
way_options() {
    CONFIG='' NOPROXY='*' RESOLVE=''
    if [ -n "$THROUGH" ] && [ -z "$ADDRESS" ]; then
        secret proxy "$PROXY_SCHEME://${PROXY_LOGIN:+$PROXY_LOGIN@}${PROXY_URL#*://}"
        NOPROXY=''
        [ -z "$STORE" ] || [ "$PROXY_SCHEME" = http ] || secret proxy-cacert "$STORE"
    else
        list=''
        for address in $ADDRESS $MORE_ADDRESSES; do
            case $address in *:*) address="[$address]" ;; esac
            list=$list${list:+,}$address
        done
        is_address "$HOST" || RESOLVE=$HOST:$PORT:$list
    fi
}

# fetch SECONDS KEPT MORE ARGUMENT…: run curl. HEAD_LINES, STATUS, FIRST_BYTE, BODY, ERROR and more are set.
# KEPT bytes of the body are kept, MORE (or 0) are read beyond that. MODE `hash` gives SHA instead of the body.
fetch() {
    seconds=$1 KEPT=$2 more=$3
    shift 3
    left
    [ "$LEFT" -ge "$seconds" ] || seconds=$LEFT
    if [ "$seconds" -le 0 ]; then
        STATUS='' HEADERS='' BODY='' MALFORMED='' CURL_CODE=28 TC=0 TA=0
        failure tcp TIMEOUT 'the visit was over'
        return
    fi
    [ -z "$RESOLVE" ] || set -- --resolve "$RESOLVE" "$@"
    [ -n "$NOPROXY" ] || set -- --proxy-header "User-Agent: $GO_AGENT" --proxy-header 'Proxy-Connection:' "$@"
    [ -z "$CONFIG" ] || set -- -K - "$@"
    set -- curl -q -g -sS --path-as-is --http1.1 --connect-timeout "$EXCHANGE" --max-time "$seconds" -A "$AGENT" -H 'Expect:' \
        -H 'Connection: close' -H 'Accept-Encoding: identity' -D - -o /proc/self/fd/5 -w "\\n$MARK told $FIGURES\\n$MORE_FIGURES" \
        --noproxy "$NOPROXY" "$@"
    all=$(
        {
            case $MODE:$more in
                hash:*) kept=$(run_curl "$@" 5>&1 >&4 | head -c "$KEPT" | $SHA256) ;;
                *:0) kept=$(run_curl "$@" 5>&1 >&4 | head -c "$KEPT" | $ENCODE) ;;
                *) kept=$(run_curl "$@" 5>&1 >&4 | { head -c "$KEPT" && head -c "$more" >/dev/null; } | $ENCODE) ;;
            esac
            printf '\n%s kept %s\n' "$MARK" "$kept"
        } 4>&1
    )
    read_answer
}

# run_curl ARGUMENT…: with what is secret, if anything is.
run_curl() {
    if [ -n "$CONFIG" ]; then printf '%s' "$CONFIG" | "$@" 2>&1; else "$@" 2>&1; fi
    printf '\n%s exit %s\n' "$MARK" "$?"
}

# read_answer: take apart what curl said.
read_answer() {
    STATUS='' REASON_PHRASE='' HTTP_VERSION='' HEADERS='' LOCATION='' CONTENT_TYPE='' CHALLENGE='' CONTENT_LENGTH='' RETRY_AFTER=''
    BODY='' SHA='' CURL_CODE=2 text='' told='' header_count=0
    CONNECT_STATUS='' CONNECT_HEADERS='' CONNECT_REASON='' MALFORMED='' CONNECT_MALFORMED='' in_head=''
    IFS=$NL
    for line in $all; do
        line=${line%"$CR"}
        case $line in
            "$MARK "* | 'curl: ('*) in_head='' ;;
        esac
        case $line in
            "$MARK told "*) told=${line#"$MARK told "} ;;
            "$MARK exit "*) CURL_CODE=${line##* } ;;
            "$MARK kept "*) BODY=${line#"$MARK kept "} BODY=${BODY%% *} ;;
            HTTP/[0-9]*' '[0-9][0-9][0-9] | HTTP/[0-9]*' '[0-9][0-9][0-9]' '*)
                if [ -n "$STATUS" ] && [ -z "$CONNECT_HEADERS" ]; then
                    CONNECT_HEADERS=$HEADERS CONNECT_REASON=$REASON_PHRASE
                    if [ -n "$THROUGH" ] && [ -z "$ADDRESS" ]; then
                        CONNECT_MALFORMED=$MALFORMED MALFORMED=''
                        case $STATUS in 1??) CONNECT_MALFORMED="status $STATUS before it" ;; esac
                    fi
                fi
                in_head=yes
                HEADERS='' header_count=0 LOCATION='' CONTENT_TYPE='' CHALLENGE='' CONTENT_LENGTH='' RETRY_AFTER=''
                HTTP_VERSION=${line%% *} rest=${line#* }
                STATUS=${rest%% *} REASON_PHRASE=${rest#"$STATUS"}
                REASON_PHRASE=${REASON_PHRASE# }
                ;;
            'curl: ('*) text=${line#*) } ;;
            ?*:*)
                [ -n "$STATUS" ] && [ "$header_count" -lt 200 ] && [ "${#HEADERS}" -lt 4096 ] || continue
                header_count=$((header_count + 1))
                take_header
                ;;
            [\ \	]*) ;;
            ?*) [ -z "$in_head" ] || malformed 'missing colon' "$line" ;;
        esac
    done
    IFS=" 	$NL"
    # shellcheck disable=SC2086 # figures of our own
    set -- $told
    status=${1:-000} CONNECT_STATUS=${2:-000}
    micro "${3:-0}" && TC=$MICRO
    micro "${4:-0}" && TA=$MICRO
    micro "${5:-0}" && TP=$MICRO
    micro "${6:-0}" && TF=$MICRO
    DOWNLOADED=${7:-0} UPLOADED=${8:-0} VERIFY_RESULT=${9:-0}
    [ "$CONNECT_STATUS" != 000 ] || [ -z "$THROUGH" ] || VERIFY_RESULT=${10:-0}
    case $text in *'subject name matches'*) VERIFY_RESULT=62 ;; esac
    DOWNLOADED=${DOWNLOADED%%[!0-9]*} UPLOADED=${UPLOADED%%[!0-9]*}
    # The last head is the peer's own only if curl says so too; else it was the proxy's.
    if [ "$status" = 000 ]; then
        [ "$CONNECT_STATUS" = 000 ] || { CONNECT_HEADERS=$HEADERS CONNECT_REASON=$REASON_PHRASE CONNECT_MALFORMED=$MALFORMED; }
        MALFORMED=''
        STATUS='' HEADERS='' REASON_PHRASE='' HTTP_VERSION=''
    fi
    FIRST_BYTE=null
    if [ "$TF" -gt 0 ] && [ -n "$STATUS" ]; then
        decimal $(((TF - TP) / 10000))
        FIRST_BYTE=$DECIMAL
    fi
    [ "$MODE" != hash ] || { SHA=$BODY && BODY=''; }
    name_the_end
}

# malformed WHY LINE: Go refuses this head. MALFORMED says why, by the first line at which it does.
malformed() {
    cut 60 "$2"
    MALFORMED=${MALFORMED:-"malformed MIME header: $1: $CUT"}
}

# take_header: a line of the head. Cookies and logins are nobody's business; a location may be signed.
take_header() {
    [ "${#line}" -le 4096 ] || { cut 4096 "$line" && line=$CUT; }
    name=${line%%:*} value=${line#*:}
    value=${value#"${value%%[! 	]*}"}
    value=${value%"${value##*[! 	]}"}
    case $line in [\ \	]*) ;; *)
        case $name in '' | *[!A-Za-z0-9!#\$%\&\'*+.^_\`\|~\ -]*) [ -z "$in_head" ] || malformed line "$line" ;; esac ;;
    esac
    case $name in
        [Ll]ocation | LOCATION) LOCATION=$value ;;
        [Cc]ontent-[Tt]ype | CONTENT-TYPE) CONTENT_TYPE=$value ;;
        [Rr]etry-[Aa]fter | RETRY-AFTER) RETRY_AFTER=$value ;;
        [Cc]ontent-[Ll]ength | CONTENT-LENGTH)
            [ "${CONTENT_LENGTH:-$value}" = "$value" ] || malformed 'multiple Content-Length headers' "$value"
            CONTENT_LENGTH=$value
            ;;
        [Ww][Ww][Ww]-[Aa]uthenticate | WWW-AUTHENTICATE) case $CHALLENGE in [Bb]earer*) ;; *) CHALLENGE=$value ;; esac ;;
    esac
    if [ "$HIDE" = yes ]; then
        case $name in
            [Ss]et-[Cc]ookie | SET-COOKIE | *[Aa]uthorization | *AUTHORIZATION) return ;;
            [Ll]ocation | LOCATION | [Cc]ontent-[Ll]ocation | [Ll]ink | [Rr]efresh) url_shown "$value" && value=$URL_SHOWN ;;
        esac
    fi
    json "$name"
    pair="[$J"
    json "$value"
    HEADERS=$HEADERS${HEADERS:+,}$pair,$J]
}

# micro TEXT: MICRO, a figure of seconds in millionths.
micro() {
    case $1 in
        *.*) fraction=${1#*.}000000 ;;
        *) fraction=000000 ;;
    esac
    whole=${1%%.*}
    fraction=${fraction%"${fraction#??????}"}
    bare "$whole$fraction"
    MICRO=$BARE
    case $MICRO in *[!0-9]*) MICRO=0 ;; esac
}

# name_the_end: COMPLETE and ERROR, from curl's exit code, its words, and how far it had come.
name_the_end() {
    COMPLETE=false ERROR=null
    errno "$text"
    phase='head'
    [ -z "$STATUS" ] || phase=body
    [ "$TA" -gt 0 ] || phase=tls
    [ "$TC" -gt 0 ] || phase=tcp
    case $CURL_CODE in
        0) if [ "$more" -gt 0 ] || [ "$DOWNLOADED" -le "$KEPT" ]; then COMPLETE=true; else failure body LIMIT "more than $KEPT bytes"; fi ;;
        23) [ -n "$STATUS" ] && [ "$DOWNLOADED" -ge "$KEPT" ] && failure body LIMIT "more than $KEPT bytes" ;;
        5) failure proxy GAI "$text" ;;
        6) failure resolve GAI "$text" ;;
        7) not_connected ;;
        28) failure "$phase" TIMEOUT "$text" ;;
        60 | 51) failure tls VERIFY "$text" "$VERIFY_RESULT" CERTIFICATE_VERIFY_FAILED ;;
        35)
            case $text in
                *SSL_ERROR_SYSCALL* | *'nexpected eof'*) failure tls "${ERRNO:-EOF}" "$text" ;;
                *) failure tls "${ERRNO:-SSL}" "$text" ;;
            esac
            ;;
        52 | 18) failure "$phase" EOF "$text" ;;
        55) failure send "${ERRNO:-EPIPE}" "$text" ;;
        56) case $text in *' LF '* | *eaders*) failure head LIMIT "$text" ;; *) failure "$phase" "${ERRNO:-EOF}" "$text" ;; esac ;;
        8)
            case $text in
                *'without colon'*) MALFORMED=${MALFORMED:-'malformed MIME header: missing colon'} ;;
                *' byte in header'*) MALFORMED=${MALFORMED:-'invalid character in header'} ;;
            esac
            failure head PROTOCOL "$text"
            ;;
        1) failure head PROTOCOL "$text" ;;
        61 | 63) failure body LIMIT "$text" ;;
        *) failure "$phase" EXCEPTION "curl $CURL_CODE: $text" ;;
    esac
    case $CURL_CODE:$ERROR in 23:null) failure body EXCEPTION "curl 23: $text" ;; esac
}

# not_connected: newer versions of curl do not say why; somebody else does.
not_connected() {
    if [ -z "$ERRNO" ]; then
        if [ -n "$ADDRESS" ]; then
            connect "$ADDRESS" "$PORT" "$CONNECT"
        elif [ -n "$THROUGH" ]; then
            connect "$PROXY_HOST" "$PROXY_PORT" "$CONNECT"
        fi
        [ "$ERROR" = null ] || return
    fi
    failure tcp "${ERRNO:-EXCEPTION}" "$text"
}

# ask TRUSTED PURPOSE METHOD PATH BODY KEY CALLER QUERY CONTENT HEADER…: one request to the tenant, as a record. A body is
# given in text, or in base64 as CONTENT.
ask() {
    trusted=$1 request_purpose=$2 request_method=$3 request_path=$4 request_body=$5 request_key=$6
    request_caller=$7 request_query=$8 request_content=$9
    shift 9
    [ -n "$CURL" ] && [ -n "$BASE64" ] || return
    [ "$request_key" = no ] || [ -n "$KEY" ] || return
    way_options
    headers=$#
    while [ "$headers" -gt 0 ]; do
        set -- "$@" -H "$1"
        shift
        headers=$((headers - 1))
    done
    [ -z "$request_caller" ] || set -- "$@" -H 'Accept:'
    if [ "$request_key" = key ] && [ "$trusted" = true ]; then secret header "Sts-Api-Key: $KEY"; fi
    request_bytes=0
    if [ -n "$request_content" ]; then
        content_length "$request_content"
        decode "$request_content" | {
            exec 3<&0
            asked "$EXCHANGE" -X "$request_method" "$@" --data-binary @/proc/self/fd/3
        }
        return
    fi
    if [ "$request_method" != GET ]; then
        request_bytes=${#request_body}
        set -- "$@" -H 'Content-Type: application/json' --data-binary "$request_body"
    fi
    asked "$EXCHANGE" -X "$request_method" "$@"
}

# content_length BASE64: request_bytes, of what it stands for.
content_length() {
    request_bytes=$((${#1} / 4 * 3))
    case $1 in *==) request_bytes=$((request_bytes - 2)) ;; *=) request_bytes=$((request_bytes - 1)) ;; esac
}

# asked SECONDS ARGUMENT…
asked() {
    limit_of_request=$1
    shift
    case $trusted in
        true)
            set -- "$@" --tlsv1.2
            [ -z "$STORE" ] || set -- "$@" --cacert "$STORE"
            [ -z "$STORE_DIR" ] || set -- "$@" --capath "$STORE_DIR"
            [ -z "$CURL_CIPHERS" ] || set -- "$@" --ciphers "$CURL_CIPHERS"
            ;;
        *) set -- "$@" -k ;;
    esac
    case $HOST in *:*) place="[$HOST]" ;; *) place=$HOST ;; esac
    [ "$PORT" = 443 ] || place=$place:$PORT
    begin
    MODE=text HIDE=no
    fetch "$limit_of_request" 16384 1032192 "$@" "https://$place$request_path${request_query:+?$request_query}"
    took
    report_http
}

report_http() {
    common_fields http
    json "$request_path"
    record="$record,\"purpose\":\"$request_purpose\",\"verified\":$trusted,\"method\":\"$request_method\",\"path\":$J"
    number "$STATUS"
    record="$record,\"status\":$J"
    maybe "$REASON_PHRASE"
    record="$record,\"reason\":$J"
    maybe "$HTTP_VERSION"
    record="$record,\"version\":$J,\"headers\":[$HEADERS],\"body\":\"$BODY\""
    maybe "$MALFORMED"
    record="$record,\"go_refuses\":$J"
    number "$DOWNLOADED"
    record="$record,\"body_bytes\":$J,\"body_complete\":$COMPLETE,\"request_bytes\":$request_bytes"
    number "$UPLOADED"
    record="$record,\"sent_bytes\":$J,\"unacknowledged_bytes\":null,\"first_byte\":$FIRST_BYTE"
    maybe "$request_caller"
    emit "$record,\"caller\":$J,\"without\":null,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
}

# upload PURPOSE PATH BYTES: a JSON document of that size. WAS_CUT if the connection ended before an answer.
WAS_CUT=3
upload() {
    request_purpose=$1 request_method=POST request_path=$2 request_bytes=$3 trusted=true request_caller=main request_query=''
    way_options
    document "$3" | {
        exec 3<&0
        asked 9 -X POST -H "User-Agent: $GO_AGENT" -H 'Accept:' -H 'Content-Type: application/json' --speed-limit 1 --speed-time 4 --data-binary @/proc/self/fd/3
        case $CURL_CODE:$STATUS in
            55: | 56:) (exit "$WAS_CUT") ;;
            *) [ -n "$STATUS" ] && [ "$STATUS" != 413 ] ;;
        esac
    }
}

document() {
    printf '{"netcompliance": "'
    head -c $(($1 - 21)) /dev/zero | tr '\000' x
    printf '"}'
}
