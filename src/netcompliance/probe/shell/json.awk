# What a registry's documents say, one fact a line: `index`, `entry DIGEST SIZE PLATFORM`, `config DIGEST SIZE`,
# `layer DIGEST SIZE`, `platform OS/ARCHITECTURE`, `token TOKEN`. Anything that is not well formed is left out.
#
# Escapes are not read: a value that has some is not one that is wanted here. So a quotation mark always is one.
{ text = text $0 " " }

function value(v,   d, path) {
    path = ""
    for (d = 1; d <= depth; d++) path = path "." key[d]
    told[path] = v
}

function digest(v) { return v ~ /^[a-z0-9]+[a-z0-9+._-]*:[0-9A-Fa-f]+$/ && length(v) > 38 && length(v) < 160 }

function size(v) { return v ~ /^[0-9]+$/ && length(v) < 16 ? v : "-" }

function platform(path,   named) {
    named = told[path ".os"] "/" told[path ".architecture"]
    if (told[path ".variant"] != "") named = named "/" told[path ".variant"]
    return named ~ /^[A-Za-z0-9._-]+\/[A-Za-z0-9._\/-]+$/ && length(named) < 100 ? named : "-"
}

END {
    gsub(/\\./, "?", text)
    count = split(text, part, "\"")
    depth = 0
    for (i = 1; i <= count; i++) {
        if (i % 2 == 0) {
            if (named) { key[depth] = part[i]; named = 0 } else value(part[i])
            continue
        }
        rest = part[i]
        gsub(/[ \t\r]/, "", rest)
        while (rest != "") {
            c = substr(rest, 1, 1)
            if (c == "{") { key[++depth] = ""; object[depth] = 1; named = 1 }
            else if (c == "[") { key[++depth] = 0; object[depth] = 0; named = 0 }
            else if (c == "}" || c == "]") { depth--; named = 0 }
            else if (c == ",") { if (object[depth]) named = 1; else key[depth]++ }
            else if (c != ":") {
                match(rest, /[^]\[{},:]+/)
                value(substr(rest, 1, RLENGTH))
                rest = substr(rest, RLENGTH + 1)
                continue
            }
            if (depth < 0 || depth > 40) exit
            rest = substr(rest, 2)
        }
    }
    for (i = 0; i < 256; i++) {
        if (digest(told[".manifests." i ".digest"]))
            print "entry " told[".manifests." i ".digest"] " " size(told[".manifests." i ".size"]) " " platform(".manifests." i ".platform")
        if (digest(told[".layers." i ".digest"]))
            print "layer " told[".layers." i ".digest"] " " size(told[".layers." i ".size"])
    }
    if (digest(told[".config.digest"])) print "config " told[".config.digest"] " " size(told[".config.size"])
    if (platform("") != "-") print "platform " platform("")
    if (told[".mediaType"] ~ /^application\/vnd\.(oci\.image\.index\.v1|docker\.distribution\.manifest\.list\.v2)\+json$/ || ".manifests.0.digest" in told && told[".manifests.0.digest"] != "") print "index"
    token = told[".token"] != "" ? told[".token"] : told[".access_token"]
    if (token ~ /^[!-~]+$/ && length(token) <= 16384) print "token " token
}
