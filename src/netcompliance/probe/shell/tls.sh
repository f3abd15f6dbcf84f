# shellcheck shell=sh disable=SC2034,SC2154
# TLS handshakes: by openssl, which shows everything; where it is not there, by curl, which says whether it verified.
#
# In here a job looks at one host over one way: TASK, HOST, PORT, ADDRESS (empty through a proxy) and the proxy's parts.

HANDSHAKE=10
PADDING=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx

# shake PURPOSE: HANDSHAKE_ERROR (null if it came to its end and, unless it only identifies, verified).
shake() {
    begin
    PURPOSE=$1 CHAIN='' VERSION='' CIPHER='' RECEIVED='' HELLO='' VERIFIED=false ERROR=null
    with_openssl
    took
    report_shake
}

openssl_tunnels() {
    [ -n "$OPENSSL" ] && [ "$PROXY_SCHEME" = http ] || return
    case $OPENSSL_PROXY:$PROXY_LOGIN in *%*) return 1 ;; login:* | yes:) return 0 ;; *) return 1 ;; esac
}

with_openssl() {
    set -- -debug -showcerts
    if [ -z "$ADDRESS" ]; then
        set -- "$@" -connect "$HOST:$PORT" -proxy "${PROXY_URL#*://}"
        if [ -n "$PROXY_LOGIN" ]; then
            NC_PROXY_PASSWORD=${PROXY_LOGIN#*:}
            export NC_PROXY_PASSWORD
            set -- "$@" -proxy_user "${PROXY_LOGIN%%:*}" -proxy_pass env:NC_PROXY_PASSWORD
        fi
    else
        case $ADDRESS in *:*) set -- "$@" -connect "[$ADDRESS]:$PORT" ;; *) set -- "$@" -connect "$ADDRESS:$PORT" ;; esac
    fi
    if is_address "$HOST"; then set -- "$@" -verify_ip "$HOST"; else set -- "$@" -servername "$HOST" -verify_hostname "$HOST"; fi
    [ -z "$STORE" ] || set -- "$@" -CAfile "$STORE"
    [ -z "$STORE_DIR" ] || set -- "$@" -CApath "$STORE_DIR"
    # shellcheck disable=SC2086 # options
    set -- "$@" -partial_chain $S_CLIENT
    case $PURPOSE in
        verify)
            set -- "$@" -no_ssl3 -no_tls1 -no_tls1_1 -cipher "$GO_CIPHERS"
            # Who fetches images and charts names no protocol.
            [ "$TASK" != tenant ] || set -- "$@" -alpn http/1.1
            ;;
        identify) set -- "$@" -cipher 'ALL:@SECLEVEL=0' -alpn http/1.1 ;;
        large-hello)
            protocols=http/1.1
            for number in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do protocols=$protocols,nc-$PADDING-$number; done
            set -- "$@" -no_ssl3 -no_tls1 -no_tls1_1 -cipher "$GO_CIPHERS" -alpn "$protocols"
            ;;
    esac
    # Standard error first, whole: mixed, its lines would cut those of certificates.
    said=$( {
        shown=$(bounded "$HANDSHAKE" openssl s_client "$@" 2>&4 4>&- </dev/null)
        code=$?
        printf '%s\n%s\n' "$shown" "nc-exit $code"
    } 4>&1)
    late "${said##*nc-exit }"
    unset NC_PROXY_PASSWORD
    read_s_client
    how_it_ended
}

# read_s_client: what openssl said, taken apart.
read_s_client() {
    inside='' certificate='' bytes='' heard=0 reading='' code='' verdict='' reason='' broken='' complaint=''
    IFS=$NL
    for line in $said; do
        case $inside$line in
            'yes-----END CERTIFICATE-----')
                inside=''
                [ "${#CHAIN}" -gt 200000 ] || CHAIN=$CHAIN${CHAIN:+,}\"$certificate\"
                ;;
            yes*) case $line in *[!A-Za-z0-9+/=]*) ;; *) certificate=$certificate$line ;; esac ;;
            '-----BEGIN CERTIFICATE-----') inside=yes certificate='' ;;
            'write to '*)
                reading=''
                [ -n "$HELLO" ] || { HELLO=${line##*=> } && HELLO=${HELLO%% *}; }
                ;;
            'read from '*) reading=yes count=${line##*=> } count=${count%% *} ;;
            [0-9a-f][0-9a-f][0-9a-f][0-9a-f]' - '*)
                [ -n "$reading" ] && [ "$heard" -lt 256 ] || continue
                take_dump
                ;;
            *'Protocol'*': '*SSLv* | *'Protocol'*': '*TLSv*) VERSION=${line##*: } ;;
            'New, '*', Cipher is '*)
                CIPHER=${line##* }
                [ -n "$VERSION" ] || { VERSION=${line#New, } && VERSION=${VERSION%%,*}; }
                ;;
            *'Verify return code: '*) [ -n "$code" ] || { line=${line##*code: } && code=${line%% *} && verdict=${line#* }; } ;;
            *:error:*) [ -n "$reason" ] || take_reason ;;
            *:errno=*) broken=${line##*=} complaint=${line%%:*} ;;
        esac
    done
    IFS=" 	$NL"
    [ "$CIPHER" != '(NONE)' ] || CIPHER='' VERSION=''
}

take_dump() {
    hex=${line#* - }
    hex=${hex%%   *}
    IFS=' -'
    for byte in $hex; do
        case $byte in [0-9a-f][0-9a-f]) ;; *) break ;; esac
        [ "$count" -gt 0 ] || break
        count=$((count - 1)) heard=$((heard + 1))
        bytes=$bytes\\$((0x$byte / 64))$((0x$byte / 8 % 8))$((0x$byte % 8))
    done
    IFS=$NL
}

# thread:error:number:library:function:reason:file:line:
take_reason() {
    reason=${line#*:error:*:*:*:} reason=${reason%%:*}
}

how_it_ended() {
    case $code:$reason in 0:*' alert '*) code='' ;; esac
    if [ -n "$CIPHER" ] && [ -n "$code" ]; then
        if [ "$code" = 0 ]; then
            [ "$PURPOSE" = identify ] || VERIFIED=true
        elif [ "$PURPOSE" != identify ]; then
            verdict=${verdict#\(}
            failure tls VERIFY "${verdict%\)}" "$code" CERTIFICATE_VERIFY_FAILED
        fi
        return
    fi
    # shellcheck disable=SC2059 # escapes of our own
    [ -z "$bytes" ] || [ -z "$BASE64" ] || RECEIVED=$(printf "$bytes" | $ENCODE)
    CIPHER='' VERSION='' text=$reason
    REASON=$(printf '%s' "$reason" | tr 'a-z ' 'A-Z_')
    case $complaint:$REASON:$broken in
        connect:*) errno "$said" && failure tcp "${ERRNO:-EXCEPTION}" "connect: errno $broken" ;;
        *UNEXPECTED_EOF*) failure tls EOF "$text" '' "$REASON" ;;
        *:?*:*) failure tls SSL "$text" '' "$REASON" ;;
        *:104) failure tls ECONNRESET 'Connection reset by peer' ;;
        *:32) failure tls EPIPE 'Broken pipe' ;;
        *)
            if [ -n "$LATE" ]; then
                failure tls TIMEOUT 'no answer before the deadline'
            elif [ -n "$broken" ]; then
                failure tls EOF 'closed by the peer during the handshake'
            else
                failure tls EXCEPTION "$said"
            fi
            ;;
    esac
}

# shake_by_curl: `verify`, from a `fetch` that has just ended. Without the bytes that arrived, what was no verification
# error and no plain silence or cut cannot be told apart: it is left out.
shake_by_curl() {
    PURPOSE=verify VERSION='' CIPHER='' RECEIVED='' HELLO='' VERIFIED=false CHAIN=''
    [ -z "$CHAINS" ] || read_certificates
    if [ "$TA" -gt 0 ] && [ "$CURL_CODE" != 60 ] && [ "$CURL_CODE" != 35 ]; then
        VERIFIED=true ERROR=null
    fi
    case $ERROR in
        null | *'"phase":"tls","name":"'[TVE]*) report_shake ;;
        *) unseen tls "the handshake with $HOST failed, and curl does not show what arrived" 'install openssl' ;;
    esac
}

read_certificates() {
    inside='' certificate=''
    IFS=$NL
    for line in $all; do
        case $inside$line in
            'yes-----END CERTIFICATE-----')
                inside=''
                [ "${#CHAIN}" -gt 200000 ] || CHAIN=$CHAIN${CHAIN:+,}\"$certificate\"
                ;;
            yes*) case $line in *[!A-Za-z0-9+/=]*) ;; *) certificate=$certificate$line ;; esac ;;
            '-----BEGIN CERTIFICATE-----') inside=yes certificate='' ;;
        esac
    done
    IFS=" 	$NL"
}

report_shake() {
    common_fields tls
    record="$record,\"purpose\":\"$PURPOSE\",\"verified\":$VERIFIED"
    maybe "$VERSION"
    record="$record,\"version\":$J"
    maybe "$CIPHER"
    record="$record,\"cipher\":$J,\"alpn\":null,\"mss\":null,\"chain\":[$CHAIN]"
    number "$HELLO"
    record="$record,\"hello_bytes\":$J"
    maybe "$RECEIVED"
    emit "$record,\"received\":$J,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
    HANDSHAKE_ERROR=$ERROR
}

# common_fields KIND: record, with what the observations of one way have in common.
common_fields() {
    json "$HOST"
    record="\"kind\":\"$1\",\"task\":\"$TASK\",\"host\":$J,\"port\":$PORT"
    maybe "$ADDRESS"
    record="$record,\"address\":$J"
    if [ -z "$ADDRESS" ] && [ -n "$THROUGH" ]; then json "$PROXY_URL"; else J=null; fi
    record="$record,\"via\":$J"
}
