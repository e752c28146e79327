# Prints, on one line, what of the machine goes into a build made with native.nix.
printf '%s;' "$(g++ --version | head -n 1)"
dpkg-query -W -f ' ${Package}=${Version}' \
  cmake libboost-dev libc6-dev libevent-dev libsqlite3-dev ninja-build pkg-config systemtap-sdt-dev zstd
echo
