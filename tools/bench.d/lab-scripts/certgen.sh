#!/bin/sh
# certgen_script with openssl: a self-signed certificate for the key in $1.
printf '%s\n' "$1" | openssl req -x509 -new -key /dev/stdin -subj "/CN=$(hostname)" -days 1 2>/dev/null
