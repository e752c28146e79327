#!/bin/sh
# cargo's RUSTC_WRAPPER. cargo names a crate that lies outside the workspace by a hash of its absolute path, and that
# name is a part of every symbol: crates of the kernel side are named by package and version instead.
rustc=$1
shift
case " $* " in
*" bpfel-unknown-none "*) ;;
*) exec "$rustc" "$@" ;;
esac
left=$#
while [ "$left" -gt 0 ]; do
    case $1 in
    metadata=*) set -- "$@" "metadata=$CARGO_PKG_NAME-$CARGO_PKG_VERSION" ;;
    *) set -- "$@" "$1" ;;
    esac
    shift
    left=$((left - 1))
done
exec "$rustc" "$@"
