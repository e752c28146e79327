//! The name services of a program that has the C library linked in.
//!
//! glibc finds hosts and users through the modules that `/etc/nsswitch.conf` names. `files` and `dns` are part of
//! it. Every other module is a shared library that brings a second C library into the process: a static program
//! ends with SIGSEGV in it, also where both are of the same version (seen with `libnss_myhostname` for hosts and
//! `libnss_systemd` for users, which stock distributions have).

/// Keeps glibc to the modules that are part of it. Does nothing where the C library is shared.
pub(crate) fn only_what_is_linked_in() {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    {
        use std::ffi::{c_char, c_int};

        unsafe extern "C" {
            // <nss.h>, since glibc 2.0.
            fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
        }
        for (database, services) in [
            (c"hosts", c"files dns"),
            (c"passwd", c"files"),
            (c"group", c"files"),
        ] {
            // SAFETY: both are NUL-terminated and live for ever; no other thread looks anything up yet.
            unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        }
    }
}
