# shellcheck shell=sh disable=SC2034,SC2154
# What is there to look with. What is missing is said once, with what would help.

MODERN_CURL=7.59
CURL_SHOWS_CHAINS=7.88
# The cipher suites of Go in TLS 1.2; and, where OpenSSL knows levels, the one that takes the keys that Go takes.
GO_CIPHERS=ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384
GO_CIPHERS=$GO_CIPHERS:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305
GO_CIPHERS=$GO_CIPHERS:ECDHE-ECDSA-AES128-SHA:ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA:ECDHE-RSA-AES256-SHA

find_tools() {
    TIMEOUT='' BASE64='' BASH_NET='' NC='' CURL='' OPENSSL='' SHA256='' RESOLVER='' CHAINS='' PAUSE=1 CURL_VERSION='' OLD_TIMEOUT='' CURL_CIPHERS=''
    if timeout -s KILL 1 /bin/sh -c : 2>/dev/null; then TIMEOUT=new; elif timeout -t 1 -s KILL /bin/sh -c : 2>/dev/null; then TIMEOUT=old OLD_TIMEOUT=-t; fi
    if base64 -w 0 </dev/null >/dev/null 2>&1; then
        BASE64=base64 ENCODE='base64 -w 0'
    elif have base64 && have tr; then
        BASE64=base64 ENCODE=in_one_line
    elif have openssl; then
        BASE64=openssl ENCODE='openssl base64 -A'
    fi
    if have bash; then
        case $(bash -c 'exec 3<>/dev/tcp/127.0.0.1/1' 2>&1) in *'No such file'*) ;; *) BASH_NET=yes ;; esac
    fi
    find_nc
    find_curl
    if have openssl; then find_openssl; fi
    if have sha256sum; then SHA256=sha256sum; elif have openssl; then SHA256='openssl dgst -sha256 -r'; fi
    if have getent; then RESOLVER=getent; elif have nslookup; then RESOLVER=nslookup; fi
    if sleep 0.01 2>/dev/null; then PAUSE=0.2; fi
}

find_nc() {
    have nc || return
    case $(nc --help 2>&1) in
        *BusyBox*) NC=busybox ;;
        *) case $(nc -h 2>&1) in *-z*) NC=zero ;; esac ;;
    esac
}

find_curl() {
    have curl || return
    CURL_TLS=''
    for line in $(curl -q -V 2>/dev/null); do
        case $line in
            [0-9]*.*) [ -n "$CURL_VERSION" ] || CURL_VERSION=$line ;;
            https) CURL_TLS=yes ;;
            OpenSSL/[1-9].[1-9]* | OpenSSL/[2-9].*) CURL_CIPHERS=$GO_CIPHERS:@SECLEVEL=1 ;;
            OpenSSL/*) CURL_CIPHERS=$GO_CIPHERS ;;
        esac
    done
    at_least "$MODERN_CURL" "$CURL_VERSION" && CURL=$CURL_TLS
    at_least "$CURL_SHOWS_CHAINS" "$CURL_VERSION" && CHAINS=yes
}

# at_least WANTED VERSION
at_least() {
    major=${2%%.*} minor=${2#*.}
    minor=${minor%%[!0-9]*}
    case $major in '' | *[!0-9]*) return 1 ;; esac
    [ "$major" -gt "${1%.*}" ] || { [ "$major" -eq "${1%.*}" ] && [ "${minor:-0}" -ge "${1#*.}" ]; }
}

# Only an s_client that checks names says whether a certificate verifies.
find_openssl() {
    can=$(openssl s_client -help 2>&1 </dev/null)
    case $can in *-verify_hostname*) OPENSSL=yes ;; *) return ;; esac
    S_CLIENT=''
    case $can in *-no-CAstore*) S_CLIENT=-no-CAstore ;; esac
    case $can in *-no-CApath*) GO_CIPHERS=$GO_CIPHERS:@SECLEVEL=1 ;; esac
    case $can in *-proxy_user*) OPENSSL_PROXY=login ;; *-proxy*) OPENSSL_PROXY=yes ;; *) OPENSSL_PROXY='' ;; esac
}

tell_what_is_missing() {
    [ -n "$BASH_NET$NC" ] || unseen tcp 'neither bash nor nc is there' 'install bash'
    { [ -n "$BASH_NET" ] && [ -n "$TIMEOUT" ]; } || unseen shares 'bash with timeout is not there' 'install bash and coreutils'
    unseen connect-times 'a shell does not see SYNs' 'install python3'
    if [ -z "$CURL_VERSION" ]; then
        unseen http 'curl is not there' 'install curl'
    elif [ -z "$CURL" ]; then
        unseen http "curl $CURL_VERSION is too old, or without TLS" "install curl $MODERN_CURL or later"
    elif [ -z "$BASE64" ]; then
        unseen http 'neither base64 nor openssl is there' 'install coreutils'
    fi
    [ -n "$OPENSSL$CURL" ] || unseen tls 'neither openssl nor curl is there' 'install openssl and curl'
    [ -z "$CURL" ] || [ -n "$OPENSSL$CHAINS" ] || unseen chain 'curl does not show certificates' 'install openssl'
    [ -n "$OPENSSL" ] || unseen large-hello 'openssl is not there' 'install openssl'
    [ -n "$RESOLVER" ] || unseen resolve 'neither getent nor nslookup is there' "install the C library's getent"
    { [ -n "$BASH_NET" ] && [ -n "$TIMEOUT" ] && have dd; } || have nslookup || unseen dns 'neither bash with timeout nor nslookup is there' 'install bash'
    can_walk || unseen registry 'curl, awk, base64 and sha256sum are not all there' 'install curl, awk and coreutils'
    unseen small-segments 'a shell cannot choose the size of segments' 'install python3'
    unseen syn 'a shell cannot watch packets' 'install python3 and look as root'
    { [ -n "$BASH_NET" ] && have readlink && have grep && have awk; } || unseen sockets 'bash, awk, grep and readlink are not all there' 'install bash and awk'
}

can_walk() { [ -n "$CURL" ] && [ -n "$BASE64" ] && [ -n "$SHA256" ] && have awk && have head; }

tools_found() {
    set -- sh
    [ -z "$BASH_NET" ] || set -- "$@" bash
    [ -z "$CURL" ] || set -- "$@" "curl $CURL_VERSION"
    [ -z "$OPENSSL" ] || set -- "$@" openssl
    [ -z "$NC" ] || set -- "$@" nc
    [ -z "$RESOLVER" ] || set -- "$@" "$RESOLVER"
    [ -z "$TIMEOUT" ] || set -- "$@" timeout
    strings "$@"
}
