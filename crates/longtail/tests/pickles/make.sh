#!/usr/bin/env bash
# Writes the archives of this folder: make.sh PYTHON2 NUMPY1 NUMPY2, three Pythons: a 2.7 with NumPy, a 3 with
# NumPy 1 and a 3 with NumPy 2.
set -euo pipefail
cd "$(dirname "$0")"
for which in ten hundred; do
    "$1" make.py $which 2 $which-python2.tar.gz
    for protocol in 2 3 4 5; do
        "$2" make.py $which $protocol $which-numpy1-protocol$protocol.tar.gz
        "$3" make.py $which $protocol $which-numpy2-protocol$protocol.tar.gz
    done
done
"$2" make.py ten 2 ten-numpy1-protocol2-bytes-fortran.tar.gz bytes fortran
"$3" make.py hundred 5 hundred-numpy2-protocol5-bytes-fortran.tar.gz bytes fortran
