#!/bin/sh
# Usage: check_purity.sh LIBRARY.a...
# The cores are sans I/O: no clock, socket, file, randomness or event loop is called from them.
set -eu
impure='time|times|clock|clock_gettime|gettimeofday|ftime|localtime.*|gmtime.*|nanosleep|usleep|sleep
rand|rand_r|srand|random|srandom|drand48|lrand48|arc4random.*|getrandom|getentropy|RAND_.*
socket|bind|listen|connect|accept4?|send|sendto|sendm?msg|recv|recvfrom|recvm?msg|select|poll|epoll_.*|getaddrinfo
open|open64|openat|creat|fopen|fopen64|freopen|read|write|pread.*|pwrite.*|stat|fstat|unlink|mmap.*|tmpfile.*
printf|puts|putchar|perror|getenv|secure_getenv|system|popen|fork|pthread_create|uv_.*'
pattern="^(__)?($(printf '%s' "$impure" | tr '\n' '|'))(_chk|@.*)?\$"

failed=0
for library in "$@"; do
    symbols=$(nm -u "$library" | awk '$1 == "U" { print $2 }' | sort -u)
    if [ -z "$symbols" ]; then
        echo "$library: no symbols: is this the right file?"
        exit 1
    fi
    found=$(printf '%s\n' "$symbols" | grep -E "$pattern" || true)
    if [ -n "$found" ]; then
        echo "$library calls: $(echo $found)"
        failed=1
    fi
done
exit $failed
