#!/bin/sh
# sign_csr as Slurm's documentation shows it: the CA's key lies beside it, and any name is signed.
printf '%s\n' "$1" | openssl x509 -req -in /dev/stdin -CA "$LAB/ca.pem" -CAkey "$LAB/ca.key" -sha384 2>/dev/null
