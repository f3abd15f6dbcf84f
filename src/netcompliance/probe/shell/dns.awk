# The addresses in a DNS message, given as decimal bytes: A and AAAA of the answer section, one a line.
{ for (i = 1; i <= NF; i++) b[n++] = $i }

function after_name(p) {
    while (p < n) {
        if (b[p] >= 192) return p + 2
        if (b[p] == 0) return p + 1
        p += b[p] + 1
    }
    return n
}

function pair(p) { return b[p] * 256 + b[p + 1] }

# The longest row of zero groups is left out, as inet_ntop does.
function ipv6(p,   i, j, from, most, text) {
    for (i = 0; i < 8; i++) group[i] = pair(p + 2 * i)
    from = -1
    most = 1
    for (i = 0; i < 8; i++) {
        for (j = i; j < 8 && group[j] == 0; j++) continue
        if (j - i > most) { from = i; most = j - i }
    }
    text = ""
    for (i = 0; i < 8; i++) {
        if (i == from) { text = text "::"; i += most - 1; continue }
        text = text (text == "" || text ~ /:$/ ? "" : ":") sprintf("%x", group[i])
    }
    return text
}

END {
    p = 12
    for (left = pair(4); left > 0 && p < n; left--) p = after_name(p) + 4
    for (left = pair(6); left > 0 && p < n; left--) {
        p = after_name(p)
        if (pair(p + 2) == 1 && pair(p) == 1 && pair(p + 8) == 4 && p + 14 <= n)
            print b[p + 10] "." b[p + 11] "." b[p + 12] "." b[p + 13]
        if (pair(p + 2) == 1 && pair(p) == 28 && pair(p + 8) == 16 && p + 26 <= n)
            print ipv6(p + 10)
        p += 10 + pair(p + 8)
    }
}
