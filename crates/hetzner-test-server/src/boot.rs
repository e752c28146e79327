//! What stands behind a server: nothing but a record, or something that boots.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::pin::Pin;

/// What a test server knows of a server when something is to boot.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Its number.
    pub id: i64,
    /// Its name, of which there is one.
    pub name: String,
    /// Its labels.
    pub labels: HashMap<String, String>,
    /// What cloud-init is told.
    pub user_data: String,
    /// Lines of root's `authorized_keys`.
    pub root_keys: Vec<String>,
    /// A fault: it boots with a host key that nobody knows.
    pub foreign_key: bool,
}

/// What a call comes to, some time later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// What happens when a server is made, removed, started or installed anew.
pub trait Boot: Send + Sync + 'static {
    /// Gives it an address, at once.
    fn address<'a>(&'a self, machine: &'a Machine) -> Later<'a, Ipv4Addr>;

    /// Boots it, or starts it again with what was written on it.
    fn start<'a>(&'a self, machine: &'a Machine) -> Later<'a, ()>;

    /// Takes it away.
    fn remove<'a>(&'a self, machine: &'a Machine) -> Later<'a, ()>;
}

/// Nothing boots.
#[derive(Debug, Default)]
pub struct Records;

impl Boot for Records {
    fn address<'a>(&'a self, machine: &'a Machine) -> Later<'a, Ipv4Addr> {
        // TEST-NET-1, RFC 5737.
        let last = u8::try_from(machine.id % 250).unwrap_or_default() + 1;
        Box::pin(async move { Ok(Ipv4Addr::new(192, 0, 2, last)) })
    }

    fn start<'a>(&'a self, _: &'a Machine) -> Later<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn remove<'a>(&'a self, _: &'a Machine) -> Later<'a, ()> {
        Box::pin(async { Ok(()) })
    }
}
