#!/bin/sh
# Installs the fonts that the pictures are drawn with, and those reserved for the evaluation suite (Debian 12 or later).
set -eu
apt-get update
xargs -a "$(dirname "$0")/font-packages.txt" apt-get install -y --no-install-recommends
