//! The server that people join at: its key, its port, and an end that everybody is told of.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use russh::SshId;
use russh::server::{Config, run_stream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;

use super::connection::{Connection, methods};
use super::desk::Desk;
use super::error::RegisterError;
use super::event::Event;
use super::hosts::{self, Wishes};
use super::leash::Leashed;
use super::limits::{FAREWELL, Limits};
use crate::host::keys::KeyPair;
use crate::inventory::Inventory;
use crate::job::JobEvent;
use crate::state::{Locked, folder_of, make_private_folder};

/// The server's own key in `.workshop/`.
const KEY: &str = "register_host_ed25519_key";

/// Keys that one client may offer: an agent may hold many before the right one, and each costs little.
const MAX_OFFERS: usize = 100;

/// What people type is short. A client may send so much ahead; more waits on its side.
const WINDOW: u32 = 16 << 10;

const CLOSING: &str = "The instructor has closed the register. What you sent is kept: your word and your server come from the instructor, or here when it opens again.";

/// How to run the server.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// So many people are approved by the server itself, over all its runs in this workshop.
    pub auto: usize,
    /// Whether new hosts are made for those who joined, when no spare is left.
    pub provision: bool,
    /// Who draws the work on hosts.
    pub jobs: Option<UnboundedSender<JobEvent>>,
}

/// A server that listens and has not begun.
#[derive(Debug)]
pub struct Register {
    inventory: PathBuf,
    workshop: String,
    settings: Settings,
    desk: Arc<Desk>,
    key: KeyPair,
    listener: TcpListener,
    address: SocketAddr,
    limits: Limits,
    /// One server a workshop.
    _lock: Locked,
}

/// The key that the server of this workshop proves itself with, made on first use and kept for its next runs.
///
/// # Errors
/// The workshop's folder or the key's file cannot be used.
pub fn server_key(inventory: &Path) -> Result<KeyPair, RegisterError> {
    let folder = folder(inventory)?;
    Ok(KeyPair::load_or_create(
        &folder.join(KEY),
        "workshop register",
    )?)
}

fn folder(inventory: &Path) -> Result<PathBuf, RegisterError> {
    let folder = folder_of(inventory);
    make_private_folder(&folder).map_err(|source| crate::state::WorkplaceError::Folder {
        path: folder.clone(),
        source,
    })?;
    Ok(folder)
}

impl Register {
    /// Reads what is known so far and takes the port. Nobody is let in before [`Register::run`].
    ///
    /// # Errors
    /// [`RegisterError`].
    pub async fn open(
        inventory: &Path,
        settings: Settings,
        events: UnboundedSender<Event>,
    ) -> Result<Self, RegisterError> {
        let workshop = Inventory::load(inventory)?.inventory.workshop.name;
        let folder = folder(inventory)?;
        let lock = Locked::take(&folder.join("register.lock"), "register")?;
        let key = server_key(inventory)?;
        let desk = Arc::new(Desk::open(inventory, &folder, settings.auto, events)?);
        let cannot = |source| RegisterError::Listen {
            address: settings.listen,
            source,
        };
        let listener = TcpListener::bind(settings.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        Ok(Self {
            inventory: inventory.to_owned(),
            workshop,
            settings,
            desk,
            key,
            listener,
            address,
            limits: Limits::default(),
            _lock: lock,
        })
    }

    /// Where it listens: the port that was given when 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of the server's own key, for the wall.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint()
    }

    /// Where the instructor answers.
    pub fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }

    /// Lets people in until `stop` is done; then tells everybody who is connected, and ends.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        raise_file_limit();
        self.desk.tell(Event::Listening {
            address: self.address,
            fingerprint: self.key.fingerprint(),
        });
        let wishes = Wishes {
            inventory: self.inventory.clone(),
            provision: self.settings.provision,
            jobs: self.settings.jobs.clone(),
        };
        let watch = tokio::spawn(hosts::watch(Arc::clone(&self.desk), self.inventory.clone()));
        let usher = tokio::spawn(hosts::usher(Arc::clone(&self.desk), wishes));
        {
            let desk = Arc::clone(&self.desk);
            // People of an earlier run, whom --auto may let in now.
            hosts::blocking(move || desk.answer_by_itself()).await;
        }
        let accepting = self.accept();
        tokio::select! {
            () = accepting => {}
            () = stop => {}
        }
        self.limits.end_all(CLOSING);
        // A run on hosts that is cut off here is resumed by the next one.
        usher.abort();
        watch.abort();
        let gone = async {
            while self.limits.len() > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let _ = tokio::time::timeout(FAREWELL, gone).await;
    }

    async fn accept(&self) {
        let config = Arc::new(Config {
            server_id: SshId::Standard("SSH-2.0-workshop".into()),
            methods: methods(),
            keys: vec![(*self.key.private()).clone()],
            // There is no secret to be guessed here, and people have several keys.
            auth_rejection_time: Duration::ZERO,
            max_auth_attempts: MAX_OFFERS,
            window_size: WINDOW,
            maximum_packet_size: WINDOW,
            channel_buffer_size: 4,
            event_buffer_size: 4,
            // The leash ends connections: whoever waits has nothing to send.
            inactivity_timeout: None,
            nodelay: true,
            ..Config::default()
        });
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    let Some(place) = self.limits.admit(from.ip()) else {
                        continue;
                    };
                    let connection = Connection::new(
                        Arc::clone(&self.desk),
                        self.workshop.clone(),
                        from.ip().to_canonical(),
                        place,
                    );
                    tokio::spawn(serve(Arc::clone(&config), stream, connection));
                }
                // Out of files, or a client that was gone at once: the others still come.
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

async fn serve(config: Arc<Config>, stream: TcpStream, connection: Connection) {
    let place = Arc::clone(&connection.place);
    notice_death(&stream);
    let _ = stream.set_nodelay(true);
    let stream = Leashed::new(stream, place.leash());
    if let Ok(session) = run_stream(config, stream, connection).await {
        // What a client does wrong is its own affair.
        let _ = session.await;
    }
}

/// Has the kernel find out within a minute or two when the other machine is gone: laptops are closed, networks change.
/// SSH's own keepalive would do it too, but OpenSSH takes it for an error while it logs in.
fn notice_death(stream: &TcpStream) {
    use rustix::net::sockopt;
    let _ = sockopt::set_socket_keepalive(stream, true);
    let _ = sockopt::set_tcp_keepidle(stream, Duration::from_secs(60));
    let _ = sockopt::set_tcp_keepintvl(stream, Duration::from_secs(15));
    let _ = sockopt::set_tcp_keepcnt(stream, 4);
}

/// A connection is a file, and systems begin with 256 (macOS) or 1,024 of them.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    const WANTED: u64 = 4096;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if limit.current.is_some_and(|current| current < wanted) {
        let new = Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        };
        // With fewer files, fewer people at a time.
        let _ = setrlimit(Resource::Nofile, new);
    }
}

/// An address that people could reach `listen` at: its own, or for "every address" the one that this machine uses
/// towards others.
pub fn reachable(listen: SocketAddr) -> IpAddr {
    if !listen.ip().is_unspecified() {
        return listen.ip();
    }
    // Connecting a UDP socket sends nothing: the kernel only chooses the address it would send from. 192.0.2.1 is
    // an address for documentation (RFC 5737).
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0));
    socket
        .and_then(|socket| {
            socket.connect(("192.0.2.1", 9))?;
            socket.local_addr()
        })
        .map_or(listen.ip(), |address| address.ip())
}
