//! Whether this machine and this user can trace at all: said before the kernel says EPERM.

use std::path::Path;

use super::Error;
use super::sys::Method;

/// Links with cookies on perf events came with 5.15.
const NEEDED: (u32, u32) = (5, 15);
/// All call sites by one link came with 6.6; before 6.10 such a link lost what other threads of its process did.
const MULTI: (u32, u32) = (6, 10);
const PMU: &str = "/sys/bus/event_source/devices/uprobe/type";
const SEMAPHORES: &str = "/sys/bus/event_source/devices/uprobe/format/ref_ctr_offset";

/// Bits of `CapEff`, from `linux/capability.h`.
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// How to hook call sites, when everything that tracing needs is there.
pub(super) fn method(perf_events: bool) -> Result<Method, Error> {
    let release = rustix::system::uname();
    let release = release.release().to_string_lossy();
    check_kernel(&release)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    check_capabilities(&status)?;
    if !Path::new(SEMAPHORES).exists() {
        return Err(Error::NoUprobes {
            path: if Path::new(PMU).exists() {
                SEMAPHORES
            } else {
                PMU
            },
        });
    }
    if !perf_events && version(&release).is_some_and(|version| version >= MULTI) {
        return Ok(Method::Multi);
    }
    std::fs::read_to_string(PMU)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .map(Method::Perf)
        .ok_or(Error::NoUprobes { path: PMU })
}

/// Major and minor number.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse().ok();
    Some((number()?, number()?))
}

fn check_kernel(release: &str) -> Result<(), Error> {
    match version(release) {
        Some(version) if version < NEEDED => Err(Error::KernelTooOld {
            found: release.to_owned(),
            needed: "5.15",
            why: "BPF links with cookies on uprobes",
        }),
        // A release that cannot be read is no reason to refuse: the kernel will say what it cannot do.
        _ => Ok(()),
    }
}

fn check_capabilities(status: &str) -> Result<(), Error> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok());
    let Some(effective) = effective else {
        return Ok(());
    };
    let has = |capability: u32| effective & (1 << capability) != 0;
    if has(CAP_SYS_ADMIN) {
        return Ok(());
    }
    let missing: Vec<_> = [(CAP_BPF, "CAP_BPF"), (CAP_PERFMON, "CAP_PERFMON")]
        .into_iter()
        .filter(|(capability, _)| !has(*capability))
        .map(|(_, name)| name)
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(Error::NotPermitted { missing })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_are_told() {
        assert!(check_kernel("6.18.44-fc").is_ok());
        assert!(check_kernel("5.15.0-91-generic").is_ok());
        assert!(check_kernel("unknown").is_ok());
        let error = check_kernel("5.10.0-28-amd64").unwrap_err();
        assert_eq!(
            error.to_string(),
            "Linux 5.10.0-28-amd64 is too old for tracing: 5.15 is needed, for BPF links with cookies on uprobes"
        );
    }

    #[test]
    fn missing_capabilities_are_named() {
        let status = |bits: u64| format!("Name:\tx\nCapEff:\t{bits:016x}\nSeccomp:\t0\n");
        assert!(check_capabilities(&status(1 << CAP_SYS_ADMIN)).is_ok());
        assert!(check_capabilities(&status(1 << CAP_BPF | 1 << CAP_PERFMON)).is_ok());
        assert!(check_capabilities("").is_ok());
        let missing = |bits| check_capabilities(&status(bits)).unwrap_err().to_string();
        assert_eq!(missing(0), "tracing needs CAP_BPF and CAP_PERFMON");
        assert_eq!(missing(1 << CAP_BPF), "tracing needs CAP_PERFMON");
    }
}
