#!/bin/sh
# validate_node as Slurm's documentation shows it: the node's line must be in the list of tokens. LAB is the directory with the CA.
grep -q "$1 $2" "$LAB/tokens"
