# shellcheck shell=sh disable=SC2034,SC2154
# What the host is: its system, resolver, proxy variables, trust store and address.

TRUST_BUNDLES='/etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/ca-bundle.pem
/etc/pki/tls/cacert.pem /etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem /etc/ssl/cert.pem'
RUNTIMES='/run/containerd/containerd.sock /run/crio/crio.sock /run/docker.sock /var/lib/kubelet'
SERVICE_ACCOUNT=/var/run/secrets/kubernetes.io/serviceaccount/namespace

# find_trust: what the agent, a Go program, verifies by: STORE, a bundle, and STORE_DIRS, directories, of which the tools
# take one, STORE_DIR; and TRUST_SOURCE. A bundle that is named and cannot be read leaves those that lie in a directory.
find_trust() {
    STORE='' TRUST_SOURCE='' STORE_DIR='' STORE_DIRS=${SSL_CERT_DIR:-/etc/ssl/certs:/etc/pki/tls/certs}
    IFS=:
    for path in $STORE_DIRS; do [ -n "$STORE_DIR" ] || [ ! -d "$path" ] || STORE_DIR=$path; done
    IFS=" 	$NL"
    if [ -n "${SSL_CERT_FILE-}" ]; then
        TRUST_SOURCE="SSL_CERT_FILE=$SSL_CERT_FILE"
        [ -r "$SSL_CERT_FILE" ] || TRUST_SOURCE="$TRUST_SOURCE (cannot be read)"
        ! holds_certificates "$SSL_CERT_FILE" || STORE=$SSL_CERT_FILE
    fi
    for path in $TRUST_BUNDLES; do
        [ -z "$STORE" ] && holds_certificates "$path" || continue
        case $TRUST_SOURCE:$STORE_DIRS: in ?*:*"${path%/*}:"* | :*) STORE=$path ;; esac
        [ -n "$TRUST_SOURCE" ] || TRUST_SOURCE=$path
    done
    [ -z "${SSL_CERT_DIR-}" ] || TRUST_SOURCE="$TRUST_SOURCE SSL_CERT_DIR=$SSL_CERT_DIR"
    TRUST_SOURCE=${TRUST_SOURCE# }
    TRUST_SOURCE=${TRUST_SOURCE:-no file or directory of certificates}
}

holds_certificates() {
    [ -f "$1" ] && [ -r "$1" ] || return
    while IFS= read -r line; do case $line in *'BEGIN CERTIFICATE'*) return 0 ;; esac; done <"$1"
    return 1
}

# trusted_here: how many certificates that is, each as often as it lies there.
trusted_here() {
    {
        [ -z "$STORE" ] || cat "$STORE"
        IFS=:
        for directory in $STORE_DIRS; do cat "$directory"/*; done
    } 2>/dev/null | grep -c 'BEGIN CERTIFICATE'
}

# read_resolver: NAMESERVERS, SEARCH, OPTIONS and RESOLV_CONF, as the C library reads the file.
read_resolver() {
    NAMESERVERS='' SEARCH='' OPTIONS='' RESOLV_CONF=''
    [ -r /etc/resolv.conf ] || return
    while IFS= read -r line || [ -n "$line" ]; do
        [ "${#RESOLV_CONF}" -gt 16000 ] || RESOLV_CONF=$RESOLV_CONF$line$NL
        case $line in [a-z]*) ;; *) continue ;; esac
        # shellcheck disable=SC2086 # words
        set -- $line
        [ $# -ge 2 ] || continue
        word=$1
        shift
        case $word in
            nameserver) case $1 in *[!0-9a-fA-F.:%a-z]* | [0-9]*.*:* | [!0-9:]*[!0-9a-fA-F:]*.*) ;; *) NAMESERVERS="$NAMESERVERS $1" ;; esac ;;
            domain) SEARCH=$1 ;;
            search) SEARCH=$* ;;
            options) OPTIONS="$OPTIONS $*" ;;
        esac
    done </etc/resolv.conf
}

# hosts_lines NAME…: HOSTS_LINES, what the hosts file says of these names, and HOSTS_ADDRESSES.
hosts_lines() {
    HOSTS_LINES='' HOSTS_ADDRESSES='' wanted=" $* " kept=0
    [ -r /etc/hosts ] || return
    while IFS= read -r line || [ -n "$line" ]; do
        case $line in *[!' 	']*) ;; *) continue ;; esac
        lower "${line%%#*}"
        # shellcheck disable=SC2086 # words
        set -- $LOWER
        [ $# -ge 2 ] || continue
        address=$1
        shift
        for name; do
            case $wanted in
                *" ${name%.} "*)
                    HOSTS_LINES=$HOSTS_LINES$line$NL HOSTS_ADDRESSES="$HOSTS_ADDRESSES $address" kept=$((kept + 1))
                    break
                    ;;
            esac
        done
        [ "$kept" -lt 50 ] || break
    done </etc/hosts
}

# source_towards ADDRESS: SOURCE, the host's own address on the way there.
source_towards() {
    SOURCE=''
    have ip || return
    for word in $(bounded 2 ip route get "$1" 2>/dev/null); do
        [ "$previous" = src ] && SOURCE=$word && break
        previous=$word
    done
    is_address "$SOURCE" || SOURCE=''
}

platform_of_machine() {
    case $1 in
        x86_64 | amd64) PLATFORM=linux/amd64 ;;
        aarch64) PLATFORM=linux/arm64 ;;
        armv7l) PLATFORM=linux/arm/v7 ;;
        armv6l) PLATFORM=linux/arm/v6 ;;
        i?86) PLATFORM=linux/386 ;;
        *) PLATFORM=linux/$1 ;;
    esac
}

first_of() {
    for variable; do
        eval "FIRST=\${$variable-}"
        [ -z "$FIRST" ] || return 0
    done
    return 1
}

pod() {
    POD=null
    [ "$KUBERNETES" = true ] || return
    first_of POD_NAME MY_POD_NAME K8S_POD_NAME KUBERNETES_POD_NAME || FIRST=$HOSTNAME_HERE
    json "$FIRST"
    POD="{\"pod\":$J"
    if [ -r "$SERVICE_ACCOUNT" ]; then IFS= read -r FIRST <"$SERVICE_ACCOUNT"; else first_of POD_NAMESPACE MY_POD_NAMESPACE NAMESPACE; fi
    [ -z "$FIRST" ] || { json "$FIRST" && POD="$POD,\"namespace\":$J"; }
    if first_of NODE_NAME MY_NODE_NAME K8S_NODE_NAME KUBERNETES_NODE_NAME KUBERNETES_KUBELET_HOST; then
        json "$FIRST"
        POD="$POD,\"node\":$J"
    fi
    POD="$POD}"
}

# report_host TOWARDS TOWARDS6 NAME…: the `host` record.
report_host() {
    towards=$1 towards6=$2
    shift 2
    begin
    hosts_lines "$@"
    IFS= read -r HOSTNAME_HERE </proc/sys/kernel/hostname || HOSTNAME_HERE=unknown
    machine=$(uname -m)
    platform_of_machine "$machine"
    KUBERNETES=false runtime=false container=false
    if [ -n "${KUBERNETES_SERVICE_HOST-}" ] || [ -e "$SERVICE_ACCOUNT" ]; then KUBERNETES=true; fi
    for path in $RUNTIMES; do [ ! -e "$path" ] || runtime=true; done
    for path in /.dockerenv /run/.containerenv; do [ ! -e "$path" ] || container=true; done
    case $(cat /proc/self/cgroup 2>/dev/null) in *docker* | *kubepods* | *containerd* | *libpod* | *lxc*) container=true ;; esac
    json "$HOSTNAME_HERE"
    record="\"kind\":\"host\",\"task\":\"host\",\"at\":$AT,\"hostname\":$J"
    json "$(uname -srm)"
    record="$record,\"system\":$J"
    json "$machine"
    record="$record,\"machine\":$J"
    json "$PLATFORM"
    record="$record,\"platform\":$J"
    if have openssl; then json "$(openssl version 2>/dev/null)" && record="$record,\"openssl\":$J"; fi
    json "$(id -un 2>/dev/null || id -u)"
    record="$record,\"user\":$J"
    number "$(id -u 2>/dev/null)"
    record="$record,\"uid\":$J"
    json "$RESOLV_CONF"
    record="$record,\"resolv_conf\":$J"
    # shellcheck disable=SC2086 # lists
    strings $NAMESERVERS
    record="$record,\"nameservers\":$J"
    # shellcheck disable=SC2086
    strings $SEARCH
    record="$record,\"search\":$J"
    # shellcheck disable=SC2086
    strings $OPTIONS
    record="$record,\"options\":$J"
    IFS=$NL
    # shellcheck disable=SC2086
    strings $HOSTS_LINES
    IFS=" 	$NL"
    record="$record,\"hosts_entries\":$J,\"proxies\":{"
    comma=''
    for variable in HTTPS_PROXY https_proxy HTTP_PROXY http_proxy ALL_PROXY all_proxy NO_PROXY no_proxy; do
        first_of "$variable" || continue
        case $variable in [Nn][Oo]_*) shown "$FIRST" ;; *) proxy_shown "$FIRST" ;; esac
        json "$SHOWN"
        record="$record$comma\"$variable\":$J" comma=,
    done
    json "$TRUST_SOURCE"
    record="$record},\"trust\":{\"source\":$J"
    number "$(trusted_here)"
    record="$record,\"certificates\":$J}"
    source_towards "$towards"
    maybe "$SOURCE"
    record="$record,\"source_address\":$J"
    source_towards "$towards6"
    maybe "$SOURCE"
    record="$record,\"source_address6\":$J"
    pod
    record="$record,\"container\":$container,\"kubernetes\":$KUBERNETES,\"runtime\":$runtime,\"pod\":$POD"
    maybe "$(readlink /proc/$$/exe 2>/dev/null)"
    record="$record,\"interpreter\":$J"
    if [ -n "$KEY" ]; then json "$KEY_FROM" && J="{\"from\":$J}"; else J=null; fi
    emit "$record,\"key\":$J,\"error\":null"
}
