# shellcheck shell=sh disable=SC2034,SC2154
# Which proxy a host is reached through: the way Go reads the environment, and what curl and Python would make of it.

# proxy_settings: PROXY_RAW, PROXY_SOURCE and NO_PROXY_RAW, of the plan or else of the environment.
proxy_settings() {
    if [ -n "$PLAN_PROXY" ]; then
        PROXY_RAW=$PLAN_PROXY PROXY_SOURCE=plan NO_PROXY_RAW=$PLAN_NO_PROXY CURL_PROXY=$PLAN_PROXY
        return
    fi
    PROXY_RAW='' PROXY_SOURCE='' PROXY_UNREAD='' SETTING=''
    if [ -n "${HTTPS_PROXY-}" ]; then
        PROXY_RAW=$HTTPS_PROXY PROXY_SOURCE=HTTPS_PROXY
    elif [ -n "${https_proxy-}" ]; then
        PROXY_RAW=$https_proxy PROXY_SOURCE=https_proxy
    fi
    NO_PROXY_RAW=${NO_PROXY:-${no_proxy-}}
    CURL_PROXY=${https_proxy:-${HTTPS_PROXY:-${all_proxy:-${ALL_PROXY-}}}}
    PLAN_NO_PROXY_LOWER=${no_proxy:-${NO_PROXY-}}
    [ -z "$PROXY_RAW" ] || is_plain "$PROXY_RAW" || PROXY_UNREAD=yes
    [ -z "$PROXY_UNREAD" ] || unseen proxy \
        "what the agent makes of $PROXY_SOURCE is not known: it is no plain http://USER:PASSWORD@HOST:PORT" \
        'encode the special characters in it (# is %23)'
    proxy_setting
}

# proxy_setting: SETTING, where a shell can tell what the variables mean to the agent and to curl.
proxy_setting() {
    if [ -z "$PROXY_RAW$CURL_PROXY" ]; then
        name=''
        [ -z "${http_proxy-}" ] || name='"http_proxy"'
        [ -z "${HTTP_PROXY-}" ] || name='"HTTP_PROXY"'
        SETTING="{\"names\":[$name],\"agent\":null}"
    elif [ -z "$PROXY_UNREAD" ] && [ "$PROXY_RAW" = "$CURL_PROXY" ] && parse_proxy "$PROXY_RAW"; then
        json "$place:$PROXY_PORT"
        SETTING="{\"names\":[\"$PROXY_SOURCE\"],\"agent\":\"dials\",\"agent_takes\":\"$PROXY_SOURCE\",\"agent_place\":$J}"
    fi
}

# is_plain URL: is it one that Go and a shell cannot read differently?
is_plain() {
    lower "$1"
    case $LOWER in [a-z]*://*) rest=${1#*://} ;; *) rest=$1 ;; esac
    case $rest in */*@*) return 1 ;; esac
    rest=${rest%%/*}
    case $rest in '' | *[!A-Za-z0-9._~!\$\&\'\(\)*+,\;=@:%\[\]-]*) return 1 ;; esac
    case $(printf '%s' "${rest%@*}" | sed 's/%[0-9A-Fa-f][0-9A-Fa-f]//g') in *%*) return 1 ;; esac
    case ${rest##*@} in '' | *[!A-Za-z0-9._:\[\]-]* | *:0 | *: | *:[0-9][0-9][0-9][0-9][0-9][0-9]*) return 1 ;; esac
}

# shown URL: SHOWN, without user information: cut at the last `@`, whatever a password holds, unless that stands behind
# a host that is one by its dots.
shown() {
    case $1 in *://*) scheme=${1%%://*}:// ;; *) scheme='' ;; esac
    rest=${1#"$scheme"}
    case ${rest%%[/?#]*} in
        *[!A-Za-z0-9._-]*) rest=${rest##*@} ;;
        *.* | '') ;;
        *) rest=${rest##*@} ;;
    esac
    SHOWN=$scheme$rest
}

# proxy_shown URL: SHOWN, a proxy's URL; nothing but *** where a login may stand in it without an `@`.
proxy_shown() {
    shown "$1"
    place=${rest%%/*} path=${rest#"$place"}
    case $place in
        \[*\]*) port=${place##*\]} && case ${place%"$port"} in *[!]0-9A-Fa-f:.[]*) path=% ;; esac ;;
        *) port=${place#"${place%%:*}"} && case ${place%%:*} in *[!A-Za-z0-9._-]*) path=% ;; esac ;;
    esac
    case ${port#:} in *[!0-9]*) path=% ;; esac
    case $path in *[!A-Za-z0-9._/-]*) SHOWN="$scheme***" ;; esac
    case ${scheme%://} in *[!A-Za-z0-9+.-]*) SHOWN='***' ;; esac
}

# parse_proxy URL: PROXY_SCHEME, PROXY_HOST, PROXY_PORT, PROXY_LOGIN and PROXY_URL; fails if it is none.
parse_proxy() {
    case $1 in *://*) PROXY_SCHEME=${1%%://*} rest=${1#*://} ;; *) PROXY_SCHEME=http rest=$1 ;; esac
    lower "$PROXY_SCHEME"
    PROXY_SCHEME=$LOWER rest=${rest%%[/?#]*} PROXY_LOGIN=''
    case $rest in *@*) PROXY_LOGIN=${rest%@*} rest=${rest##*@} ;; esac
    case $rest in
        \[*\]:*) PROXY_HOST=${rest%%\]*} PROXY_HOST=${PROXY_HOST#\[} PROXY_PORT=${rest##*:} ;;
        \[*\]) PROXY_HOST=${rest%\]} PROXY_HOST=${PROXY_HOST#\[} PROXY_PORT='' ;;
        *:*) PROXY_HOST=${rest%:*} PROXY_PORT=${rest##*:} ;;
        *) PROXY_HOST=$rest PROXY_PORT='' ;;
    esac
    [ -n "$PROXY_PORT" ] || { if [ "$PROXY_SCHEME" = http ]; then PROXY_PORT=80; else PROXY_PORT=443; fi; }
    case $PROXY_PORT in *[!0-9]* | ??????*) return 1 ;; esac
    case $PROXY_HOST in '' | *[!A-Za-z0-9._:-]*) return 1 ;; esac
    lower "$PROXY_HOST"
    PROXY_HOST=$LOWER
    case $PROXY_HOST in *:*) place="[$PROXY_HOST]" ;; *) place=$PROXY_HOST ;; esac
    PROXY_URL=$PROXY_SCHEME://$place:$PROXY_PORT
}

# exempted STYLE HOST PORT LIST: does NO_PROXY except the host, as `go`, `curl` or `python` reads it?
exempted() {
    lower "${2%.}"
    name=$LOWER style=$1 port=$3
    if [ "$style" = go ]; then
        case $name in localhost | 127.* | ::1) return 0 ;; esac
        IFS=,
    else
        case $4 in '*') return 0 ;; esac
        if [ "$style" = curl ]; then IFS=', 	'; else IFS=,; fi
    fi
    lower "$4"
    # shellcheck disable=SC2086 # a list
    set -- $LOWER
    IFS=" 	$NL"
    for entry; do
        entry=${entry#"${entry%%[! ]*}"}
        entry=${entry%"${entry##*[! ]}"}
        entry_matches && return 0
    done
    return 1
}

entry_matches() {
    [ -n "$entry" ] || return 1
    if [ "$style" = go ]; then
        [ "$entry" = '*' ] && return 0
        case $entry in
            *:*:*) ;;
            *:*[0-9])
                [ "${entry##*:}" = "$port" ] || return 1
                entry=${entry%:*}
                ;;
        esac
        if is_address "$name"; then
            case $entry in */*) in_block "$name" "$entry" && return 0 ;; esac
            entry=${entry#\[}
            [ "${entry%\]}" = "$name" ]
            return
        fi
        entry=${entry#\*}
        case $entry in
            .*) case $name in *"$entry") return 0 ;; esac ;;
            *) case $name in "$entry" | *".$entry") return 0 ;; esac ;;
        esac
        return 1
    fi
    if is_address "$name"; then
        case $entry in */*) in_block "$name" "$entry" && return 0 ;; esac
    fi
    entry=${entry#.}
    [ "$style" = curl ] && entry=${entry%.}
    case $name in "$entry" | *".$entry") return 0 ;; esac
    [ "$style" = python ] || return 1
    case $name:$port in "$entry" | *".$entry") return 0 ;; esac
    return 1
}

# in_block ADDRESS BLOCK: IPv4 alone; an IPv6 block excepts nothing here.
in_block() {
    ipv4_number "$1" && mine=$IPV4 && ipv4_number "${2%/*}" || return 1
    bits=${2#*/}
    case $bits in '' | *[!0-9]* | ???*) return 1 ;; esac
    [ "$bits" -le 32 ] && [ $((mine >> (32 - bits))) -eq $((IPV4 >> (32 - bits))) ]
}

# ipv4_number ADDRESS: IPV4.
ipv4_number() {
    case $1 in *[!0-9.]* | *..* | .* | *. | *.*.*.*.*) return 1 ;; *.*.*.*) ;; *) return 1 ;; esac
    rest=$1. IPV4=0
    while [ -n "$rest" ]; do
        bare "${rest%%.*}"
        [ "$BARE" -le 255 ] || return 1
        IPV4=$((IPV4 * 256 + BARE)) rest=${rest#*.}
    done
}

# route HOST PORT: THROUGH (`yes` where the proxy is used) and the proxy's parts; says so in a record.
route_to() {
    THROUGH='' go=false curl=false python=false
    if [ -n "$PROXY_RAW" ] && ! exempted go "$1" "$2" "$NO_PROXY_RAW"; then
        go=true
        parse_proxy "$PROXY_RAW" && THROUGH=yes
    fi
    lowers=${PLAN_NO_PROXY_LOWER-$NO_PROXY_RAW}
    if [ -n "$CURL_PROXY" ]; then
        exempted curl "$1" "$2" "$lowers" || curl=true
        exempted python "$1" "$2" "$lowers" || python=true
    fi
}

# report_route TASK HOST PORT
report_route() {
    json "$2"
    record="\"kind\":\"route\",\"task\":\"$1\",\"host\":$J,\"port\":$3"
    if [ -n "$THROUGH" ]; then json "$PROXY_URL"; else J=null; fi
    record="$record,\"proxy\":$J"
    maybe "$PROXY_SOURCE"
    record="$record,\"source\":$J"
    maybe "$NO_PROXY_RAW"
    [ -z "$SETTING" ] || record="$record,\"setting\":$SETTING"
    emit "$record,\"no_proxy\":$J,\"readings\":{\"go\":$go,\"curl\":$curl,\"python\":$python}"
}
