//! `hetzner-test-server [--local] [ADDRESS]`: for trying `workshop` without an account.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use hetzner_test_server::{Boot, Records, Setup, TestServer};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(2)
        }
    }
}

async fn run() -> Result<(), String> {
    let mut address = SocketAddr::from(([127, 0, 0, 1], 0));
    let mut boot: Arc<dyn Boot> = Arc::new(Records);
    #[cfg(target_os = "linux")]
    let mut hosts = None;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            #[cfg(target_os = "linux")]
            "--local" => {
                let local = hetzner_test_server::LocalHosts::new(None);
                let local = Arc::new(local.map_err(|error| error.to_string())?);
                hosts = Some(Arc::clone(&local));
                boot = local;
            }
            text => {
                address = text.parse().map_err(|_| {
                    format!("`{text}` is no address; usage: hetzner-test-server [--local] [127.0.0.1:PORT]")
                })?;
            }
        }
    }
    let setup = Setup::default();
    let token = setup.token.clone();
    let server = TestServer::start_at(address, setup, boot)
        .await
        .map_err(|error| error.to_string())?;
    println!(
        "export HCLOUD_ENDPOINT={} HCLOUD_TOKEN={token}",
        server.endpoint()
    );
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| error.to_string())?;
    #[cfg(target_os = "linux")]
    if let Some(hosts) = hosts {
        hosts.clean().await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
