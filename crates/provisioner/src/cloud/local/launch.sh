# Runs one host for as long as it lives. container.rs starts it as
#   sh launch.sh GROUPS SYSTEMD-NSPAWN ARGUMENT...
# in the host's folder, in a session of its own, with nothing open but /dev/null.
#   GROUPS   folders of version 1 cgroups to join, one a line
#   $GROUP   (environment) the host's folder in the unified hierarchy, or empty
#   $KEEP    (environment) bytes of console output to keep, twice
set -eu
umask 022
groups=$1
shift

# Before anything else, so that nothing of the host ever runs outside its cgroups.
while IFS= read -r group; do
	[ -z "$group" ] || echo 0 >"$group/cgroup.procs"
done <<END
$groups
END
if [ -n "$GROUP" ]; then
	# A cgroup with controllers for its children may hold no process itself.
	# Not -p: where the host was destroyed meanwhile, this must not make it anew.
	[ -d "$GROUP/loop" ] || mkdir "$GROUP/loop"
	echo 0 >"$GROUP/loop/cgroup.procs"
	for controller in cpu memory pids; do
		echo "+$controller" 2>/dev/null >"$GROUP/cgroup.subtree_control" || :
	done
	# The guest's systemd needs a few dozen; a tree without end could not be removed.
	echo 32 2>/dev/null >"$GROUP/cgroup.max.depth" || :
	echo 2000 2>/dev/null >"$GROUP/cgroup.max.descendants" || :
fi
# The host was destroyed before this came so far, and the cgroups may be another's of its name by now.
[ -e launch.sh ] || exit 0
# A host out of memory shall lose a process of its own, not the one that runs it.
echo -500 2>/dev/null >/proc/self/oom_score_adj || :

guest() {
	if [ -n "$GROUP" ]; then
		# Afresh, because a cgroup that had children with controllers takes no process.
		[ ! -d "$GROUP/guest" ] || find "$GROUP/guest" -depth -type d -exec rmdir {} +
		# `set -e` does not hold in here: the status is looked at.
		mkdir "$GROUP/guest" && echo 0 >"$GROUP/guest/cgroup.procs" || exit
	fi
	# What is mounted here, nobody else sees, and the kernel takes it away with the last process:
	# no mount is ever left over, none is held by another host, none can be emptied by an `rm -r`.
	exec unshare --mount --propagation slave sh -euc '
		layer=.
		if [ -e disk.img ]; then
			layer=disk
			# The namespace before this one, and with it the device, may just be going away.
			tries=0
			# What is deleted on the host becomes free on the machine.
			until mount -t ext4 -o loop,discard,noatime disk.img disk; do
				tries=$((tries + 1))
				[ "$tries" -lt 20 ] || exit 1
				sleep 0.1
			done
		fi
		# With xino all files have one device number, as `du -x` expects, also on two file systems.
		mount -t overlay -o "lowerdir=lower,upperdir=$layer/upper,workdir=$layer/work,index=off,xino=on" workshop root
		for source in sources/*; do
			[ -e "$source" ] || continue
			mkdir -p "binds/${source#sources/}"
			mount --bind "$source" "binds/${source#sources/}"
		done
		# systemd-nspawn leaves folders in both when it is killed.
		mount -t tmpfs -o mode=1777 tmpfs /tmp
		mount -t tmpfs -o mode=755 tmpfs /run
		exec "$@"
	' workshop-guest "$@"
}

{
	# Held while this loop lives: says that the host runs, and keeps a second loop away.
	exec 9<.
	flock --timeout 5 9 || { echo "workshop: this host runs already"; exit 0; }
	while :; do
		status=0
		(exec 9<&-; guest "$@") || status=$?
		# After a kill of systemd-nspawn the guest would live on without it.
		[ -z "$GROUP" ] || echo 1 2>/dev/null >"$GROUP/guest/cgroup.kill" || :
		# What systemd-nspawn says when the guest wants to be started again (systemd-nspawn@.service).
		[ "$status" -eq 133 ] || break
		echo "workshop: the host starts again"
	done
	echo "workshop: systemd-nspawn ended with status $status"
} 2>&1 </dev/null | {
	# A guest may write to its console for ever: keep the last of it, twice $KEEP bytes at most.
	while :; do
		head -c "$KEEP" >console.log
		[ "$(wc -c <console.log)" -eq "$KEEP" ] || break
		mv -f console.log console.log.1
	done
}
