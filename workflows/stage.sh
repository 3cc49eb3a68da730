# Sourced by every job's shell. `stage PATH...` makes a folder of the job's own, $stage, with the folders of its outputs;
# `publish PATH...` moves the finished outputs from there to their names. What a job leaves in $stage goes when it ends.
set -euo pipefail
export LC_ALL=C.UTF-8

stage() {
    mkdir -p .stage
    stage=$(mktemp -d .stage/XXXXXXXX)
    trap 'rm -rf "$stage"' EXIT
    local path
    for path in "$@"; do
        mkdir -p "$stage/$(dirname "$path")"
    done
}

publish() {
    local path
    for path in "$@"; do
        [ ! -d "$path" ] || rm -rf "$path"
        mv -T "$stage/$path" "$path"
    done
}
