#!/bin/sh
# keygen_script with openssl: a P-256 key.
exec openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 2>/dev/null
