//! A server that speaks the Hetzner Cloud API: servers, actions, SSH keys, firewalls, images, server types,
//! locations and prices, in the shapes of the `hcloud` crate's models. It keeps label selectors, pages, unique names,
//! locks and rate-limit headers as the real one does, writes down every call, and fails on demand.
//!
//! For tests, and for trying `workshop` without an account: `HCLOUD_ENDPOINT` names it. What it knows of the real API
//! is what public documentation says; it was never compared with the real one.

mod boot;
mod calls;
mod catalogue;
mod faults;
#[cfg(target_os = "linux")]
mod local;
mod model;
mod query;
mod routes;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;

pub use boot::{Boot, Later, Machine, Records};
pub use faults::{Fault, Rule};
#[cfg(target_os = "linux")]
pub use local::LocalHosts;
pub use world::{Call, Setup, World};

/// A server that runs until it is dropped.
pub struct TestServer {
    /// What it knows, and what it is told to do wrong.
    pub world: Arc<World>,
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl TestServer {
    /// Listens on a free port of this machine alone.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(setup: Setup, boot: Arc<dyn Boot>) -> std::io::Result<Self> {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), setup, boot).await
    }

    /// As [`TestServer::start`], at `address`.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start_at(
        address: SocketAddr,
        setup: Setup,
        boot: Arc<dyn Boot>,
    ) -> std::io::Result<Self> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let world = Arc::new(World::new(setup, boot));
        let router = routes::router(Arc::clone(&world));
        let task = tokio::spawn(async move {
            // It ends with the task.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self {
            world,
            address,
            task,
        })
    }

    /// For `HCLOUD_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
