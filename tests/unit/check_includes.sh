#!/bin/sh
# Usage: check_includes.sh SOURCE_ROOT
# Who may include whom: the table in docs/architecture.md.
set -eu
cd "$1"
failed=0

# check FOLDER ALLOWED: every #include of it, ours ("folder/…") or a library's that is one folder's
# own business, has to match ALLOWED.
check() {
    found=$(grep -hoE '#include ["<]((kadpeer|base|dht|people|content|swarm|catalog|io|daemon|cli)/|uv|openssl/|msgpack|sqlite3|jansson|ini|utf8proc|histedit)[^">]*' \
        "$1"/*.[ch] | sed 's/#include ["<]//' | sort -u | grep -vE "^($2)" || true)
    if [ -n "$found" ]; then
        echo "$1 must not include:" $found
        failed=1
    fi
}

check include/kadpeer 'kadpeer/'
check src/base 'kadpeer/|base/|openssl/|msgpack|ini\.h'
check dht 'kadpeer/|dht/'
check src/people 'kadpeer/|base/|people/|openssl/|msgpack'
check src/content 'kadpeer/|base/|content/|utf8proc'
check src/swarm 'kadpeer/|base/|content/|swarm/'
check src/catalog 'kadpeer/|base/|content/|catalog/|sqlite3'
check src/io 'kadpeer/|base/|io/|uv|openssl/'
check src/daemon 'kadpeer/|base/|content/|swarm/|people/|catalog/|io/|daemon/|uv|msgpack|jansson'
check src/cli 'kadpeer/(buffer|bytes|endpoint|id|sha1|status)\.h|base/|content/|cli/|msgpack|jansson|utf8proc|histedit'
exit $failed
