# shellcheck shell=sh disable=SC2034,SC2154
# Which connections there are between host and tenant, and who listens: samples of /proc/net/tcp and tcp6.

ROWS_KEPT=400

# hexadecimal ADDRESS: HEX, as the kernel's table prints it on a little-endian machine.
hexadecimal() {
    HEX=''
    case $1 in
        *:*)
            left_part=${1%%::*} right_part=''
            case $1 in *::*) right_part=${1#*::} ;; esac
            IFS=:
            # shellcheck disable=SC2086 # groups
            set -- $left_part / $right_part
            IFS=" 	$NL"
            missing=$((9 - $#)) groups=''
            for group; do
                if [ "$group" = / ]; then
                    while [ "$missing" -gt 0 ]; do groups="$groups 0000" missing=$((missing - 1)); done
                else
                    groups="$groups $(printf '%04X' "0x$group")"
                fi
            done
            # shellcheck disable=SC2086
            set -- $groups
            while [ $# -ge 2 ]; do
                HEX=$HEX${2#??}${2%??}${1#??}${1%??}
                shift 2
            done
            ;;
        *)
            IFS=.
            # shellcheck disable=SC2086
            set -- $1
            IFS=" 	$NL"
            HEX=$(printf '%02X%02X%02X%02X' "$4" "$3" "$2" "$1")
            ;;
    esac
}

# readable HEX: READABLE, an address.
readable() {
    case $1 in
        ????????) set -- "$1" ;;
        0000000000000000FFFF0000????????) set -- "${1#????????????????????????}" ;;
        *)
            groups='' words=$1
            while [ -n "$words" ]; do
                rest=${words#????????} word=${words%"$rest"} words=$rest
                rest=${word#??} a=${word%"$rest"} word=$rest
                rest=${word#??} b=${word%"$rest"} word=$rest
                groups=$groups:${word#??}${word%??}:$b$a
            done
            READABLE=${groups#:}
            return
            ;;
    esac
    READABLE='' word=$1
    while [ -n "$word" ]; do
        rest=${word#??}
        READABLE=$((0x${word%"$rest"}))${READABLE:+.}$READABLE word=$rest
    done
}

# sample ADDRESS…: rows of these remote addresses, and of listeners, as events.
sample() {
    have awk && [ -r /proc/net/tcp ] || return
    wanted=''
    for address; do
        case $address in 127.* | 0.* | ::1 | ::) continue ;; esac
        hexadecimal "${address%%%*}"
        wanted="$wanted $HEX"
        case $address in *:*) ;; *) wanted="$wanted 0000000000000000FFFF0000$HEX" ;; esac
    done
    # shellcheck disable=SC2046 # one file, or none
    awk -v wanted="$wanted" -v most="$ROWS_KEPT" '
        BEGIN { n = split(wanted, list, " "); for (i = 1; i <= n; i++) is[list[i]] = 1 }
        FNR == 1 { next }
        { split($3, remote, ":") }
        $4 == "0A" { if (listening++ < most) print "row listen " $2 " " $3 " " $4; next }
        !(remote[1] in is) { next }
        # Ours are many, all to one port. What is not like them is what is looked for.
        { number = remote[2] == "01BB" ? ours++ : others++ }
        number < most { print "row seen " $2 " " $3 " " $4 }
    ' /proc/net/tcp $(ls /proc/net/tcp6 2>/dev/null) | while IFS= read -r line; do echo "$line" >&8; done
    echo sampled >&8
}

# report_sockets: what the samples have brought. In main: ROWS, SAMPLES and OWN_ROWS.
report_sockets() {
    [ -n "$SAMPLES" ] && [ -n "$BASH_NET" ] || return
    listening='' connections='' own='' seen=' '
    IFS=$NL
    for line in $ROWS; do
        IFS=' '
        # shellcheck disable=SC2086 # words
        set -- $line
        case $seen in *" $2-$3-$4 "*) continue ;; esac
        seen="$seen$2-$3-$4 "
        readable "${2%:*}"
        local_end="\"$READABLE\",$((0x${2##*:}))"
        if [ "$1" = listen ]; then
            listening=$listening${listening:+,}[$local_end]
            continue
        fi
        remote_address "${3%:*}" || continue
        state_name "$4"
        connections="$connections${connections:+,}[$local_end,\"$READABLE\",$((0x${3##*:})),\"$STATE\"]"
        case " $OWN_ROWS " in *" $2 "*) own=$own${own:+,}$((0x${2##*:})) ;; esac
    done
    IFS=" 	$NL"
    begin
    emit "\"kind\":\"sockets\",\"task\":\"outbound\",\"samples\":$SAMPLES,\"listening\":[$listening],\"connections\":[$connections],\"own\":[$own],\"at\":$AT,\"error\":null"
}

# remote_address HEX: READABLE, in the spelling under which the tenant's address is known.
remote_address() {
    case $1 in 0000000000000000FFFF0000????????) set -- "${1#????????????????????????}" ;; esac
    case $SPELLINGS in *" $1="*) READABLE=${SPELLINGS##*" $1="} READABLE=${READABLE%% *} ;; *) return 1 ;; esac
}

state_name() {
    case $1 in
        01) STATE=ESTABLISHED ;; 02) STATE=SYN_SENT ;; 03) STATE=SYN_RECV ;; 04) STATE=FIN_WAIT1 ;; 05) STATE=FIN_WAIT2 ;;
        06) STATE=TIME_WAIT ;; 07) STATE=CLOSE ;; 08) STATE=CLOSE_WAIT ;; 09) STATE=LAST_ACK ;; 0B) STATE=CLOSING ;;
        *) STATE=$1 ;;
    esac
}

# report_firewall TOOL COMMAND…: the host's own rules, where they may be read.
report_firewall() {
    tool=$1
    shift
    begin
    ERROR=null rules=null
    if ! have "$1"; then
        failure run UNSUPPORTED "$1 is not installed"
    elif text=$(bounded 3 "$@" 2>&1); then
        if [ "${#text}" -gt 1048576 ]; then failure run LIMIT 'more than 1048576 bytes of rules'; else rules=$(printf '%s' "$text" | long_json); fi
    else
        failure run UNSUPPORTED "$text"
    fi
    emit "\"kind\":\"firewall\",\"task\":\"outbound\",\"tool\":\"$tool\",\"rules\":$rules,\"at\":$AT,\"error\":$ERROR"
}

# long_json: standard input as a JSON string, quickly; what is not printable ASCII becomes a question mark.
long_json() {
    mark=$(printf '\036')
    printf '"'
    tr '\n\t' '\036 ' | tr -c '\036 -~' '?' | sed 's/[\\"]/\\&/g; s/'"$mark"'/\\n/g'
    printf '"'
}
