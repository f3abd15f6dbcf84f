# shellcheck shell=sh disable=SC2034,SC2154
# What every part uses: text, time, records, jobs, deadlines.
#
# Rules
# * POSIX shell without arrays and `local`. Every job is a subshell, so a variable set in one is seen by no other.
# * Nothing is written to the host: no temporary file, no here-document (some shells keep those in files). What jobs say
#   to each other goes through pipes without a name, opened for reading and writing by way of /proc.
# * Descriptor 9 holds one byte. Whoever has taken it may write a record, whole, and puts it back; one byte, since shells
#   read byte by byte and two of them would share a longer line. With it goes the number of records so far, in descriptor
#   6; `stop` in its place ends whoever finds it. Descriptor 8 carries events to `main`, which alone reads them.
# * Functions give their result in a variable in capitals; a subshell for each would cost more than the work.

set +aeu
set -f
IFS=' 	
'
LC_ALL=C
PATH=${PATH:+$PATH:}/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/bin
export LC_ALL PATH
umask 077
unset CDPATH POSIXLY_CORRECT OPENSSL_CONF CURL_HOME BASH_ENV ENV SSLKEYLOGFILE
unalias -a 2>/dev/null
trap '' PIPE

NL='
'
CR=$(printf '\r')
BYTES=''

have() { command -v "$1" >/dev/null 2>&1; }

# json TEXT: J, a JSON string. Bytes that are no printable ASCII are given by number, as in Latin-1.
json() {
    J='"' rest=$1
    while :; do
        plain=${rest%%[!] !#-[^-~]*}
        J=$J$plain rest=${rest#"$plain"}
        [ -n "$rest" ] || break
        tail=${rest#?}
        odd=${rest%"$tail"} rest=$tail
        case $odd in
            '"' | \\) J=$J\\$odd ;;
            "$NL") J=$J\\n ;;
            *) by_number "$odd" ;;
        esac
    done
    J=$J'"'
}

# by_number BYTE: added to J. A byte's number is where it stands among all bytes.
by_number() {
    [ -n "$BYTES" ] || all_bytes
    before=${BYTES%%"$1"*}
    digit $(((${#before} + 1) / 16))
    J=${J}\\u00$D
    digit $(((${#before} + 1) % 16))
    J=$J$D
}

digit() {
    case $1 in 10) D=a ;; 11) D=b ;; 12) D=c ;; 13) D=d ;; 14) D=e ;; 15) D=f ;; *) D=$1 ;; esac
}

all_bytes() {
    number=1 escapes=''
    while [ "$number" -lt 256 ]; do
        escapes=$escapes\\$((number / 64))$((number / 8 % 8))$((number % 8)) number=$((number + 1))
    done
    # shellcheck disable=SC2059 # escapes of our own
    BYTES=$(printf "$escapes")
}

# maybe TEXT: J, a JSON string, or null where there is no text.
maybe() { if [ -n "$1" ]; then json "$1"; else J=null; fi; }

# number TEXT: J, a JSON number, or null.
number() { case $1 in '' | *[!0-9]* | ??????????????????*) J=null ;; *) bare "$1" && J=$BARE ;; esac; }

# bare DIGITS: BARE, without leading zeros, which some would read as octal.
bare() { BARE=${1#"${1%%[!0]*}"} BARE=${BARE:-0}; }

# strings WORD…: J, a JSON list.
strings() {
    list=''
    for word; do json "$word" && list=$list${list:+,}$J; done
    J="[$list]"
}

# cut MOST TEXT: CUT, the first bytes.
cut() { if [ "${#2}" -le "$1" ]; then CUT=$2; else CUT=$(printf "%.$1s" "$2"); fi; }

# clock: UP, hundredths of a second since the machine started.
clock() {
    read -r UP idle </proc/uptime
    bare "${UP%.*}${UP#*.}"
    UP=$BARE
}

# decimal HUNDREDTHS: DECIMAL, in seconds.
decimal() {
    DECIMAL=$(($1 % 100))
    [ "$DECIMAL" -gt 9 ] || DECIMAL=0$DECIMAL
    DECIMAL=$(($1 / 100)).$DECIMAL
}

# begin: AT, and a start for `took`.
begin() {
    clock
    BEGUN=$UP
    decimal $((UP - START))
    AT=$((EPOCH + ${DECIMAL%.*})).${DECIMAL#*.}
}

# took: SECONDS_TOOK since `begin`.
took() {
    clock
    decimal $((UP - BEGUN))
    SECONDS_TOOK=$DECIMAL
}

# left: LEFT, whole seconds of the visit.
left() {
    clock
    LEFT=$(((END - UP) / 100))
}

# failure PHASE NAME TEXT [CODE] [REASON]: ERROR, the `error` field.
failure() {
    cut 300 "$3"
    json "$CUT"
    ERROR="{\"phase\":\"$1\",\"name\":\"$2\",\"text\":$J"
    [ -z "$4" ] || ERROR="$ERROR,\"code\":$4"
    [ -z "$5" ] || { json "$5" && ERROR="$ERROR,\"reason\":$J"; }
    ERROR="$ERROR}"
}

# emit FIELDS: a record. What ends in the last second of a visit may have been ended by the visit and not by the network:
# it tells nothing. What had not ended is named in the end (`close_visit`).
emit() {
    if [ -z "$CLOSING" ]; then
        left
        [ "$LEFT" -gt 0 ] || return 0
    fi
    read -r token <&9
    read -r count <&6
    if [ "$count" != stop ] && printf '{%s}\n' "$1" 2>/dev/null; then count=$((count + 1)); else count=stop; fi
    echo "$count" >&6
    echo >&9
    [ "$count" != stop ] || exit 0
}

# unseen WHAT REASON REMEDY: what cannot be looked at here.
unseen() {
    json "$1"
    record="\"kind\":\"unseen\",\"task\":\"host\",\"what\":$J"
    json "$2"
    record="$record,\"reason\":$J"
    json "$3"
    emit "$record,\"remedy\":$J"
}

# job TASK COMMAND…: run it, and say that it has ended, whichever way. A shell that stumbles ends at once: that is a
# defect of the probe's own and says so.
job() {
    task=$1
    shift
    trap 'job_over' EXIT
    WHOLE=''
    "$@"
    WHOLE=yes
}

job_over() {
    if [ -z "$WHOLE" ]; then
        failure run EXCEPTION 'a job of the shell probe stumbled'
        emit "\"kind\":\"fault\",\"task\":\"$task\",\"error\":$ERROR"
    fi
    echo "- $task" >&8
}

# spawn TASK COMMAND…: a job beside this one.
spawn() {
    echo "+ $1" >&8
    job "$@" </dev/null 2>/dev/null &
}

# bounded SECONDS COMMAND…: run it, for so long at most and never beyond the visit. `late $?` says if it had to be ended.
bounded() {
    limit=$1
    shift
    left
    [ "$LEFT" -ge "$limit" ] || limit=$LEFT
    [ "$limit" -gt 0 ] || return 124
    case $TIMEOUT in
        new) timeout -s KILL "$limit" "$@" ;;
        old) timeout -t "$limit" -s KILL "$@" ;;
        *) watched "$@" ;;
    esac
}

late() { case $1 in 124 | 137 | 143) LATE=yes ;; *) LATE='' ;; esac; }

# watched COMMAND…: where there is no timeout(1).
watched() {
    {
        "$@" <&3 3<&- &
        watched=$!
    } 3<&0
    (
        while [ "$limit" -gt 0 ] && kill -0 "$watched"; do sleep 1 && limit=$((limit - 1)); done
        kill -9 "$watched"
    ) >/dev/null 2>&1 </dev/null &
    watcher=$!
    wait "$watched" 2>/dev/null
    code=$?
    kill "$watcher" 2>/dev/null
    return "$code"
}

# in_one_line: standard input in base64, where base64 does not know -w. The command for it is ENCODE.
in_one_line() { base64 | tr -d '\n'; }

# decode TEXT: its bytes, to standard output.
decode() {
    case $BASE64 in
        base64) printf '%s\n' "$1" | base64 -d ;;
        openssl) printf '%s' "$1" | openssl base64 -d -A ;;
    esac
}

# errno TEXT: ERRNO, the name behind a system's message; empty if it is none.
errno() {
    case $1 in
        *'onnection refused'*) ERRNO=ECONNREFUSED ;;
        *'onnection timed out'* | *'peration timed out'*) ERRNO=ETIMEDOUT ;;
        *'o route to host'* | *'ost is unreachable'*) ERRNO=EHOSTUNREACH ;;
        *'etwork is unreachable'* | *'etwork unreachable'*) ERRNO=ENETUNREACH ;;
        *'onnection reset'*) ERRNO=ECONNRESET ;;
        *'roken pipe'*) ERRNO=EPIPE ;;
        *'ermission denied'*) ERRNO=EACCES ;;
        *'peration not permitted'*) ERRNO=EPERM ;;
        *'rotocol not available'*) ERRNO=ENOPROTOOPT ;;
        *'assign requested address'* | *'ddress not available'*) ERRNO=EADDRNOTAVAIL ;;
        *'ddress family not supported'*) ERRNO=EAFNOSUPPORT ;;
        *) ERRNO='' ;;
    esac
}

# is_address TEXT: does it look like a literal address?
is_address() {
    case $1 in
        *[!0-9a-fA-F:.]*) return 1 ;;
        *:*) return 0 ;;
        *[!0-9.]* | *..* | .* | *.) return 1 ;;
        *.*.*.*) return 0 ;;
        *) return 1 ;;
    esac
}

# lower TEXT: LOWER.
lower() {
    case $1 in *[A-Z]*) LOWER=$(printf '%s' "$1" | tr A-Z a-z) ;; *) LOWER=$1 ;; esac
}
