# shellcheck shell=sh disable=SC2034,SC2154
# A container registry, walked as a node does to pull an image: ping, token, manifest, platform, config, layers.
#
# Rules
# * GET and never HEAD, over redirects by hand, with a record for every hop.
# * A host that the first image's token or blobs come from is also sent a large ClientHello.
# * A token goes to the registry's own host and, after redirects, to its subdomains, as Go sends it; once a redirect has
#   led elsewhere, it goes nowhere any more. It goes to curl over standard input.
# * Redirects are followed to https alone, and to no loopback, link-local or multicast address unless the registry is
#   at one itself.
# * A few requests at once, by the lines that are in descriptor 7: `main` adds one each second, so a host that keeps them
#   waiting does not keep all others waiting.

INDEX_TYPES='application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json'
MANIFEST_TYPES="$INDEX_TYPES, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
REDIRECTS=5
RETRIES=2
LONGEST_PAUSE=5
SMALL=262144
PART=65536
UNRANGED=4194304
LARGEST=67108864
RANGE=''

# walk DEPTH NAME REPOSITORY REFERENCE DIGEST…: on the way that is set, for every image of the plan.
walk() {
    can_walk || return
    DEPTH=$1 OWN_HOST=$HOST OWN_PORT=$PORT OWN_ADDRESS=$ADDRESS OWN_THROUGH=$THROUGH LOCAL=''
    shift
    forbidden "$ADDRESS" && LOCAL=yes
    IMAGE='' REPOSITORY='' TOKEN='' GREETS=''
    get ping '' - '*/*' 16384 text /v2/ || return
    case $STATUS:$CHALLENGE in 200:* | *:?*) ;; *) return ;; esac
    PING_CHALLENGE=$CHALLENGE
    FIRST_IMAGE=yes
    while [ $# -ge 4 ]; do
        spawn "$TASK" walk_image "$1" "$2" "$3" "$4"
        FIRST_IMAGE=''
        shift 4
    done
}

walk_image() {
    IMAGE=$1 REPOSITORY=$2 REFERENCE=$3 PINNED=$4 TOKEN='' GREETS=$FIRST_IMAGE
    case $PING_CHALLENGE in
        [Bb]earer*)
            CHALLENGE=$PING_CHALLENGE
            get_token || return
            ;;
    esac
    manifest manifest "$REFERENCE" "$PINNED" || return
    if [ "$STATUS" = 401 ] && [ -z "$TOKEN" ]; then
        case $CHALLENGE in [Bb]earer*) ;; *) return ;; esac
        get_token && manifest manifest "$REFERENCE" "$PINNED" || return
    fi
    [ "$STATUS" = 200 ] || return
    [ -z "$FIRST_IMAGE" ] || (get head '' - "$MANIFEST_TYPES" 16384 text "/v2/$REPOSITORY/manifests/$REFERENCE")
    facts=$(decode "$BODY" | awk "$JSON_AWK")
    case $CONTENT_TYPE in
        *manifest.list* | *image.index*) facts="$facts${NL}index" ;;
    esac
    case $NL$facts$NL in
        *"${NL}index$NL"*) walk_index ;;
        *) blobs single ;;
    esac
}

# walk_index: the manifest for the host's platform, out of an index.
walk_index() {
    OFFERED='' chosen=''
    IFS=$NL
    for line in $facts; do
        case $line in
            'entry '*)
                platform=${line##* }
                [ "$platform" = - ] && continue
                json "$platform"
                OFFERED=$OFFERED${OFFERED:+,}$J
                if [ -z "$chosen" ] && serves "$platform"; then chosen=${line#entry } chosen=${chosen%% *}; fi
                ;;
        esac
    done
    IFS=" 	$NL"
    if [ -z "$chosen" ] || [ "$DEPTH" != layers ]; then
        report_platforms
        return
    fi
    manifest platform "$chosen" "$chosen" && [ "$STATUS" = 200 ] || return
    facts=$(decode "$BODY" | awk "$JSON_AWK")
    OFFERED=''
    blobs indexed
}

# serves PLATFORM: is it the host's?
serves() {
    case $1/ in "$PLATFORM"/*) return 0 ;; esac
    case $PLATFORM/ in "$1"/*) return 0 ;; esac
    return 1
}

# blobs KIND: the config, and the layers: small ones whole, of the others the beginning, of the largest more.
blobs() {
    kind_of_blobs=$1
    largest='' most=$SMALL
    IFS=$NL
    for line in $facts; do
        case $line in
            'layer '*)
                size=${line##* } line=${line#layer }
                if [ "$size" != - ] && [ "$size" -gt "$most" ]; then most=$size largest=${line%% *}; fi
                ;;
        esac
    done
    asked_for=' ' GREETS=$FIRST_IMAGE
    for line in $facts; do
        IFS=" 	$NL"
        # shellcheck disable=SC2086 # words
        set -- $line
        case $1:$DEPTH in
            config:*) spawn "$TASK" config "$2" "$3" "$kind_of_blobs" && GREETS='' ;;
            layer:layers)
                case $asked_for in *" $2 "*) continue ;; esac
                asked_for="$asked_for$2 "
                spawn "$TASK" layer "$2" "$3" && GREETS=''
                ;;
        esac
    done
    IFS=" 	$NL"
}

# config DIGEST SIZE KIND: a single manifest does not name its platform; its config does.
config() {
    WANTED_DIGEST=$1
    get config "$2" "$1" '*/*' 1048576 text "/v2/$REPOSITORY/blobs/$1" && [ "$STATUS" = 200 ] || return
    [ "$3" = single ] || return
    OFFERED=''
    for platform in $(decode "$BODY" | awk "$JSON_AWK" | sed -n 's/^platform //p'); do json "$platform" && OFFERED=$J; done
    report_platforms
}

# layer DIGEST SIZE: by ranges, if it is large. The largest layer of the first image is read whole in the end.
layer() {
    layer_digest=$1 layer_size=$2
    case $2 in - | *[!0-9]*) part '' "$SMALL" && return ;; esac
    if [ "$2" -le "$SMALL" ]; then
        part '' "$SMALL"
        return
    fi
    amount=$PART
    [ "$1" != "$largest" ] || amount=$UNRANGED
    part "0-$((PART - 1))" "$amount" || return
    case $STATUS in 200 | 206) ;; *) part '' "$amount" || return ;; esac
    [ "$1" = "$largest" ] || return
    if [ "$STATUS" = 206 ]; then
        [ "$COMPLETE" = true ] || return
        middle=$((($2 - PART) / 2))
        part "$middle-$((middle + PART - 1))" "$PART" && part "$(($2 - PART))-$(($2 - 1))" "$PART" || return
    fi
    [ -z "$FIRST_IMAGE" ] || part '' "$LARGEST"
}

# part RANGE MOST: some of the layer, or as much as MOST of all of it. Of a refusal the text is wanted, too.
part() {
    RANGE=$1
    get layer "$layer_size" "$layer_digest" '*/*' "$2" hash "/v2/$REPOSITORY/blobs/$layer_digest" || return
    case $STATUS in
        416 | 429) ;;
        4??) get layer "$layer_size" "$layer_digest" '*/*' 16384 text "/v2/$REPOSITORY/blobs/$layer_digest" ;;
    esac
}

manifest() { get "$1" '' "${3:--}" "$MANIFEST_TYPES" 262144 text "/v2/$REPOSITORY/manifests/$2"; }

# get_token: TOKEN, from where CHALLENGE says.
get_token() {
    realm=${CHALLENGE#*realm=\"} service=''
    case $CHALLENGE in *realm=\"*) realm=${realm%%\"*} ;; *) return 1 ;; esac
    case $CHALLENGE in *service=\"*) service=${CHALLENGE#*service=\"} service=${service%%\"*} ;; esac
    encoded "$service"
    query="scope=repository:$REPOSITORY:pull${service:+&service=$ENCODED}"
    case $realm in *\?*) realm="$realm&$query" ;; *) realm="$realm?$query" ;; esac
    if ! parse_url "$realm"; then
        failure redirect REDIRECT "$REFUSED"
        url_shown "${realm%%\?*}"
        json "$IMAGE"
        record="\"kind\":\"registry\",\"task\":\"$TASK\",\"step\":\"token\",\"image\":$J,\"hop\":0"
        json "$URL_SHOWN"
        emit "$record,\"url\":$J,\"status\":null,\"token\":false,\"error\":$ERROR"
        return 1
    fi
    TOKEN=''
    get token '' - '*/*' 65536 text "$U_HOST" "$U_PORT" "$U_TARGET" && [ -n "$TOKEN" ]
}

# encoded TEXT: ENCODED, for a query.
encoded() {
    ENCODED='' J='' todo=$1
    while [ -n "$todo" ]; do
        rest=${todo#?} odd=${todo%"$rest"} todo=$rest
        case $odd in
            [A-Za-z0-9._~:/-]) ENCODED=$ENCODED$odd ;;
            *) J='' && by_number "$odd" && ENCODED=$ENCODED%${J#\\u00} ;;
        esac
    done
}

# get STEP SIZE DIGEST ACCEPT KEPT MODE TARGET, or … HOST PORT TARGET: over redirects; fails if there was no whole answer.
get() {
    STEP=$1 SIZE=$2 WANTED_DIGEST=$3 ACCEPT=$4 MOST=$5 STEP_MODE=$6
    if [ $# -eq 7 ]; then set -- "$OWN_HOST" "$OWN_PORT" "$7"; else set -- "$7" "$8" "$9"; fi
    ATTEMPT=0
    while :; do
        U_HOST=$1 U_PORT=$2 U_TARGET=$3
        chain
        ended=$?
        [ "$ATTEMPT" -lt "$RETRIES" ] && may_pass && pause || return "$ended"
        ATTEMPT=$((ATTEMPT + 1))
    done
}

# may_pass: is this what a moment later may be right?
may_pass() {
    case $ERROR:$STATUS in
        null:408 | null:429 | null:500 | null:502 | null:503 | null:504) return 0 ;;
        *'"phase":"tls"'* | *'"phase":"send"'* | *'"phase":"head"'* | *'"phase":"body"'*) ;;
        *) return 1 ;;
    esac
    case $ERROR in *'"name":"EOF"'* | *'"name":"ECONNRESET"'* | *'"name":"ECONNABORTED"'* | *'"name":"EPIPE"'*) return 0 ;; esac
    return 1
}

# pause: as long as the peer asks for, if that is short.
pause() {
    case $RETRY_AFTER in
        '' | *[!0-9]* | ??????*) sleep 1 ;;
        *)
            bare "$RETRY_AFTER"
            [ "$BARE" -le "$LONGEST_PAUSE" ] && sleep "$BARE"
            ;;
    esac
}

# chain: over redirects.
chain() {
    HOP=0 been=' ' shows=yes
    while :; do
        been="$been$U_HOST:$U_PORT$U_TARGET "
        read -r slot <&7
        hop
        echo >&7
        [ "$ERROR" = null ] || return 1
        [ -n "$FOLLOWING" ] || return 0
        HOP=$((HOP + 1))
    done
}

hop() {
    HOST=$U_HOST PORT=$U_PORT FOLLOWING='' TO='' STATUS='' HEADERS='' MALFORMED='' BODY='' SHA='' COMPLETE=false DOWNLOADED=0
    FIRST_BYTE=null CONTENT_TYPE='' MORE_ADDRESSES='' ERROR=null
    hop_url=https://$HOST
    [ "$PORT" = 443 ] || hop_url=$hop_url:$PORT
    hop_url=$hop_url$U_TARGET
    begin
    case $HOST in "$OWN_HOST" | *".$OWN_HOST") ;; *) shows='' ;; esac
    if [ "$HOST:$PORT" = "$OWN_HOST:$OWN_PORT" ]; then
        ADDRESS=$OWN_ADDRESS THROUGH=$OWN_THROUGH
        [ -z "$THROUGH" ] || route_to "$HOST" "$PORT"
    else
        way_elsewhere
    fi
    if [ "$ERROR" = null ]; then
        way_options
        [ -z "$shows" ] || [ -z "$TOKEN" ] || secret header "Authorization: Bearer $TOKEN"
        MODE=$STEP_MODE HIDE=yes
        set -- --tlsv1.2 -H "Accept: $ACCEPT"
        [ -z "$STORE" ] || set -- "$@" --cacert "$STORE"
        [ -z "$STORE_DIR" ] || set -- "$@" --capath "$STORE_DIR"
        [ -z "$CURL_CIPHERS" ] || set -- "$@" --ciphers "$CURL_CIPHERS"
        [ "$STEP" != head ] || set -- "$@" --head
        seconds_of_step=$EXCHANGE
        if [ "$STEP" = layer ]; then
            seconds_of_step=9
            set -- "$@" --speed-limit 1 --speed-time 1
            [ -z "$RANGE" ] || set -- "$@" -r "$RANGE"
        fi
        fetch "$seconds_of_step" "$MOST" 0 "$@" "$hop_url"
        case $THROUGH:$STATUS:$CONNECT_STATUS in
            :* | *:2?? | *:000 | *:) ;;
            *::[345]??) failure proxy STATUS "$CONNECT_STATUS $CONNECT_REASON" ;;
        esac
        case $STEP:$ERROR in
            layer:*'"LIMIT"'* | ping:*'"LIMIT"'*) ERROR=null ;;
            layer:*'timed out after'*) [ -z "$STATUS" ] || [ "${DOWNLOADED:-0}" -eq 0 ] || ERROR=null ;;
        esac
        [ -z "$MALFORMED" ] || [ -z "$STATUS" ] || failure head MALFORMED "$MALFORMED"
        [ "$ERROR" != null ] || follow
    fi
    [ "$STEP" != token ] || [ -n "$FOLLOWING" ] || token_in_answer
    took
    report_hop
    [ -z "$GREETS" ] || [ -z "$STATUS" ] || [ "$HOST:$PORT" = "$OWN_HOST:$OWN_PORT" ] || greet
}

token_in_answer() {
    TOKEN=''
    [ "$STATUS" = 200 ] || return
    TOKEN=$(decode "$BODY" | awk "$JSON_AWK" | sed -n 's/^token //p')
}

# way_elsewhere: to a host that the registry has named.
way_elsewhere() {
    ADDRESS=''
    route_to "$HOST" "$PORT"
    [ -z "$THROUGH" ] || return
    if is_address "$HOST"; then
        ADDRESSES=$HOST
    elif ! lookup "$HOST"; then
        failure resolve EXCEPTION "$HOST has no address here, and no tool says why"
    fi
    for address in $ADDRESSES; do
        if [ -z "$LOCAL" ] && forbidden "$address"; then failure redirect REDIRECT "$HOST has the address $address"; fi
    done
    # shellcheck disable=SC2086 # a list
    set -- $ADDRESSES
    ADDRESS=${1-}
    [ $# -lt 2 ] || { shift && MORE_ADDRESSES=$*; }
}

# follow: FOLLOWING, and the URL's parts, if the answer redirects.
follow() {
    case $STATUS in 301 | 302 | 303 | 307 | 308) ;; *) return ;; esac
    [ -n "$LOCATION" ] || return
    case $LOCATION in
        //*) TO=https:$LOCATION ;;
        /*) TO=${hop_url%"$U_TARGET"}$LOCATION ;;
        [A-Za-z]*:*) TO=$LOCATION ;;
        *) TO=${hop_url%"${hop_url##*/}"}$LOCATION ;;
    esac
    if ! parse_url "$TO"; then
        failure redirect REDIRECT "$REFUSED"
    elif [ "$HOP" -ge "$REDIRECTS" ]; then
        failure redirect REDIRECT "more than $HOP redirects"
    else
        case $been in *" $U_HOST:$U_PORT$U_TARGET "*) failure redirect REDIRECT 'redirected in a circle' ;; *) FOLLOWING=yes ;; esac
    fi
}

# parse_url TEXT: U_HOST, U_PORT and U_TARGET of a URL that may be followed; else REFUSED says why not.
parse_url() {
    REFUSED=''
    case $1 in
        *[!!-~]*) REFUSED='a URL with blanks, control or foreign characters' ;;
        [Hh][Tt][Tt][Pp][Ss]://?*) ;;
        *) REFUSED='a URL of another scheme than https' ;;
    esac
    [ "${#1}" -le 8192 ] || REFUSED='too long a URL'
    [ -z "$REFUSED" ] || return
    rest=${1#*://}
    place=${rest%%[/?#]*}
    U_TARGET=${rest#"$place"} place=${place##*@}
    U_TARGET=${U_TARGET%%#*}
    case $U_TARGET in /*) ;; *) U_TARGET=/$U_TARGET ;; esac
    case $place in
        \[*\]*) U_HOST=${place%%\]*} U_HOST=${U_HOST#\[} U_PORT=${place##*\]} U_PORT=${U_PORT#:} ;;
        *:*) U_HOST=${place%%:*} U_PORT=${place#*:} ;;
        *) U_HOST=$place U_PORT='' ;;
    esac
    U_PORT=${U_PORT:-443}
    lower "$U_HOST"
    U_HOST=$LOWER
    case $U_HOST in '' | -* | .* | *[!a-z0-9._:-]*) REFUSED='a URL without a valid host' ;; esac
    case $U_PORT in *[!0-9]* | ??????*) REFUSED='a URL with no valid port' ;; esac
    if [ -z "$LOCAL" ]; then
        case ${U_HOST%.} in localhost) REFUSED="$U_HOST is no address to be sent to" ;; esac
        forbidden "$U_HOST" && REFUSED="$U_HOST is no address to be sent to"
    fi
    [ -z "$REFUSED" ]
}

# forbidden ADDRESS: one that no peer may send us to?
forbidden() {
    is_address "$1" || return
    lower "$1"
    case $LOWER in
        ::ffff:*.*) set -- "${LOWER#::ffff:}" ;;
        ::1 | :: | fe[89ab]?:* | ff??:* | ::ffff:7f* | ::ffff:0:* | ::ffff:a9fe:*) return 0 ;;
        *:*) return 1 ;;
    esac
    case $1 in 127.* | 0.* | 169.254.* | 22[4-9].* | 23[0-9].*) return 0 ;; esac
    return 1
}

# url_shown TEXT: URL_SHOWN, without user information and without the values of its query.
url_shown() {
    shown "$1"
    URL_SHOWN=${SHOWN%%\?*}
    case $SHOWN in *\?*) query=${SHOWN#*\?} ;; *) return 0 ;; esac
    names=''
    while [ -n "$query" ]; do
        pair=${query%%&*}
        case $query in *'&'*) query=${query#*&} ;; *) query='' ;; esac
        case $pair in *=*) pair=${pair%%=*}=... ;; esac
        names=$names${names:+&}$pair
        [ "${#names}" -lt 2000 ] || query=''
    done
    URL_SHOWN="$URL_SHOWN?$names"
}

report_hop() {
    common_fields registry
    record="$record,\"step\":\"$STEP\",\"attempt\":$ATTEMPT,\"hop\":$HOP,\"range\":"
    if [ "$STEP" = layer ] && [ -n "$RANGE" ]; then record="${record}[${RANGE%-*},${RANGE#*-}]"; else record="${record}null"; fi
    maybe "$IMAGE"
    record="$record,\"image\":$J"
    [ "$WANTED_DIGEST" != - ] || WANTED_DIGEST=''
    maybe "$WANTED_DIGEST"
    record="$record,\"digest\":$J"
    url_shown "$hop_url"
    json "$URL_SHOWN"
    record="$record,\"url\":$J"
    if [ -n "$TO" ]; then url_shown "$TO" && json "$URL_SHOWN"; else J=null; fi
    record="$record,\"redirected_to\":$J"
    number "$STATUS"
    record="$record,\"status\":$J,\"headers\":[$HEADERS]"
    type=${CONTENT_TYPE%%;*}
    lower "${type% }"
    maybe "$LOWER"
    record="$record,\"media_type\":$J,\"body\":"
    case $STEP:$STATUS in
        token:2?? | token:3??) record="${record}null" ;;
        manifest:200 | platform:200 | ping:200) record="$record\"$BODY\"" ;;
        *) cut 5464 "$BODY" && record="$record\"$CUT\"" ;;
    esac
    number "$DOWNLOADED"
    record="$record,\"body_bytes\":$J,\"complete\":$COMPLETE"
    digest_of_body
    maybe "$SHA"
    record="$record,\"sha256\":$J"
    number "$SIZE"
    record="$record,\"size\":$J"
    if [ -n "$shows" ] && [ -n "$TOKEN" ] && [ "$STEP" != token ]; then record="$record,\"authorized\":true"; else record="$record,\"authorized\":false"; fi
    if [ "$STEP" = token ]; then
        if [ -n "$TOKEN" ]; then record="$record,\"token\":true"; else record="$record,\"token\":false"; fi
    fi
    if [ "$STEP" = platform ]; then
        json "$PLATFORM"
        record="$record,\"wanted\":$J,\"platforms\":[$OFFERED]"
    fi
    emit "$record,\"first_byte\":$FIRST_BYTE,\"at\":$AT,\"seconds\":$SECONDS_TOOK,\"error\":$ERROR"
}

digest_of_body() {
    case $STEP:$COMPLETE in manifest:true | platform:true | config:true) ;; layer:true) return ;; *) SHA='' && return ;; esac
    # shellcheck disable=SC2046 # words
    set -- $(decode "$BODY" | $SHA256)
    SHA=${1-}
}

# report_platforms: what is there, where no manifest of a platform was asked for.
report_platforms() {
    json "$IMAGE"
    record="\"kind\":\"registry\",\"task\":\"$TASK\",\"step\":\"platform\",\"image\":$J"
    json "$OWN_HOST"
    record="$record,\"host\":$J,\"status\":null"
    json "$PLATFORM"
    emit "$record,\"wanted\":$J,\"platforms\":[$OFFERED],\"error\":null"
}
