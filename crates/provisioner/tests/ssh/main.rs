//! What a hostile host can do to us over SSH, and what we say of it.

mod own;
mod server;

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use insta::assert_snapshot;
use miette::Diagnostic as _;
use provisioner::host::{Limits, Script, Ssh, SshError};
use russh::Disconnect;
use russh::keys::{Algorithm, PrivateKey};
use server::{AMPLE, Exec, Host, Seen, key, ours, target};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

const LIMITS: Limits = Limits {
    deadline: AMPLE,
    output: 1 << 20,
};

/// Enough for a login on loopback, short enough to wait for in a test.
const SHORT: Duration = Duration::from_secs(2);

/// The whole of what a person reads, with the port taken out.
fn shown(error: &SshError, at: SocketAddr) -> String {
    let mut text = format!("error: {error}\n");
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!("caused by: {error}\n");
        cause = error.source();
    }
    if let Some(help) = error.help() {
        text += &format!("help: {help}\n");
    }
    text.replace(&format!(":{}", at.port()), ":PORT")
}

/// What is said instead of a connection.
fn no_connection(result: Result<Ssh, SshError>, at: SocketAddr) -> String {
    match result {
        Ok(_) => panic!("connected"),
        Err(error) => shown(&error, at),
    }
}

/// Held by tests that take megabytes, because one of them measures the memory of all.
static MEMORY: Mutex<()> = Mutex::const_new(());

async fn exits_at_once(exec: Exec) {
    exec.exit(0).await;
}

/// An address where nobody listens: bound, and given back at once.
async fn vacant() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn another_host_key_ends_it_before_we_say_who_we_are() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = Host::serve(listener, key(3), exits_at_once);
    let begun = Instant::now();
    let result = Ssh::connect_when_up(&host.target, ours(), AMPLE).await;
    assert_snapshot!(no_connection(result, host.target.address), @r"
    error: abandon: the host key is not the one this host was made with (expected SHA256:4A9jyZBOhnKZvcGQ6TRFbf5Gymb41AfYvYaVmWHD+G4)
    help: Somebody else answers at this address, or the host was replaced. Nothing was sent to it. If you trust nothing there, destroy it and provision again.
    ");
    assert!(begun.elapsed() < AMPLE / 2, "a wrong key is final");
    assert!(
        host.saw(|seen| *seen == Seen::default()),
        "it learnt something"
    );
}

#[tokio::test]
async fn a_host_without_an_ed25519_key_is_not_ours() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let algorithm = Algorithm::Ecdsa {
        curve: russh::keys::EcdsaCurve::NistP256,
    };
    let other = PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm).unwrap();
    let host = Host::serve(listener, Arc::new(other), exits_at_once);
    let result = Ssh::connect_when_up(&host.target, ours(), AMPLE).await;
    assert!(matches!(result, Err(SshError::HostKey { .. })));
    assert!(host.saw(|seen| seen.logins.is_empty()));
}

#[tokio::test]
async fn a_refused_key_is_final() {
    let host = Host::start(exits_at_once).await;
    let begun = Instant::now();
    let result = Ssh::connect_when_up(&host.target, key(9), AMPLE).await;
    assert_snapshot!(no_connection(result, host.target.address), @r"
    error: abandon: refuses our key for the account `root`
    help: Was the account's authorized_keys changed on the host? It can be made anew with destroy and provision.
    ");
    assert!(begun.elapsed() < AMPLE / 2);
    assert_eq!(host.saw(|seen| seen.commands.len()), 0);
}

#[tokio::test]
async fn where_nobody_listens_we_try_until_the_deadline() {
    let at = vacant().await;
    let begun = Instant::now();
    let result = Ssh::connect_when_up(&target(at), ours(), Duration::from_secs(1)).await;
    assert_snapshot!(no_connection(result, at), @r"
    error: abandon: cannot be reached at 127.0.0.1:PORT
    caused by: Connection refused (os error 111)
    help: Is the host running (`workshop status`), and does a firewall or a VPN stand between?
    ");
    // The last pause, which would end behind the deadline, is not waited for.
    assert!(
        begun.elapsed() > Duration::from_millis(800),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_host_that_comes_up_late_is_waited_for() {
    let at = vacant().await;
    let late = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(700)).await;
        Host::serve(TcpListener::bind(at).await.unwrap(), key(2), exits_at_once)
    });
    let ssh = Ssh::connect_when_up(&target(at), ours(), AMPLE).await;
    assert!(ssh.is_ok(), "{}", no_connection(ssh, at));
    assert_eq!(
        late.await.unwrap().saw(|seen| seen.logins[0].clone()),
        "root"
    );
}

#[tokio::test]
async fn a_server_that_never_speaks_costs_no_more_than_the_deadline() {
    let mute = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = mute.local_addr().unwrap();
    let begun = Instant::now();
    let once = Ssh::connect(&target(at), ours(), Duration::from_secs(1)).await;
    assert_snapshot!(no_connection(once, at), @r"
    error: abandon: no end after 1 s of connecting
    help: The host may be overloaded or out of memory: look with `workshop ssh abandon`, then run the command again.
    ");
    let again = Ssh::connect_when_up(&target(at), ours(), SHORT).await;
    assert_snapshot!(no_connection(again, at), @r"
    error: abandon: no end after 2 s of connecting
    help: The host may be overloaded or out of memory: look with `workshop ssh abandon`, then run the command again.
    ");
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn an_attempt_that_our_deadline_cut_short_does_not_hide_what_came_before() {
    let at = vacant().await;
    let mute = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        TcpListener::bind(at).await.unwrap()
    });
    let result = Ssh::connect_when_up(&target(at), ours(), SHORT).await;
    assert!(no_connection(result, at).contains("Connection refused"));
    drop(mute.await.unwrap());
}

#[tokio::test]
async fn a_script_runs_in_the_real_shell_and_its_status_is_an_answer() {
    let host = Host::start(Exec::run).await;
    let script = Script::default().with("who", "it's $HOME; `id`\n\u{1F980}");
    let script = [script, Script::new("printf '%s' \"$who\"; exit 3")]
        .iter()
        .fold(Script::default(), |mut all, part| {
            all.push(part.text());
            all
        });
    let output = host.connect().await.run(&script, LIMITS).await.unwrap();
    assert_eq!(output.text, "it's $HOME; `id`\n\u{1F980}");
    assert_eq!(
        (output.status, output.success(), output.cut),
        (Some(3), false, false)
    );
    assert_eq!(host.saw(|seen| seen.commands.clone()), ["sh -s"]);
}

#[tokio::test]
async fn more_output_than_the_bound_is_cut_and_the_status_still_arrives() {
    let _alone = MEMORY.lock().await;
    let host = Host::start(|exec: Exec| async {
        for _ in 0..200 {
            exec.print(vec![b'x'; 20_000]).await;
        }
        exec.exit(0).await;
    })
    .await;
    let limits = Limits {
        output: 1000,
        ..LIMITS
    };
    let output = host
        .connect()
        .await
        .run(&Script::default(), limits)
        .await
        .unwrap();
    assert_eq!(
        (output.text.len(), output.cut, output.status),
        (1000, true, Some(0))
    );
}

#[tokio::test]
async fn endless_output_ends_at_the_deadline_and_takes_no_memory() {
    let _alone = MEMORY.lock().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let host = Host::start({
        let sent = Arc::clone(&sent);
        move |exec: Exec| {
            let sent = Arc::clone(&sent);
            async move {
                if exec.command != "sh -s" {
                    return exec.exit(0).await;
                }
                // Not one end of a line in it.
                while exec.channel.data_bytes(vec![b'x'; 32 << 10]).await.is_ok() {
                    sent.fetch_add(32 << 10, Ordering::Relaxed);
                }
            }
        }
    })
    .await;
    let ssh = host.connect().await;
    let limits = Limits {
        deadline: SHORT,
        output: 1000,
    };
    let before = resident();
    let mut longest = 0;
    let begun = Instant::now();
    let result = ssh
        .run_lines(&Script::default(), limits, |line| {
            longest = longest.max(line.len())
        })
        .await;
    assert_snapshot!(shown(&result.unwrap_err(), host.target.address), @r"
    error: abandon: no end after 2 s of running a script
    help: The host may be overloaded or out of memory: look with `workshop ssh abandon`, then run the command again.
    ");
    assert!(begun.elapsed() < SHORT * 3, "{:?}", begun.elapsed());
    assert_eq!(longest, 4096);
    // The host got tens of megabytes rid of, unless the machine is very busy.
    let (sent, grown) = (
        sent.load(Ordering::Relaxed),
        resident().saturating_sub(before),
    );
    assert!(grown < 8 << 20, "{grown} bytes more after {sent} were sent");

    // The command was told to end, and the connection serves the next one.
    let next = ssh
        .upload("/anywhere", io::Cursor::new([]), 0, LIMITS)
        .await;
    assert!(next.unwrap().success());
    host.saw(|seen| assert_eq!(seen.closed.first(), seen.opened.first()));
}

/// Bytes of memory that this process has now.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

#[tokio::test]
async fn output_cannot_drive_the_terminal() {
    let host = Host::start(|exec: Exec| async {
        exec.print("\x1b]0;title\x07\x1b[2Jred\r\n").await;
        exec.print("\u{9b}31m \u{202e}desrever \u{200b} \u{7f}\x08\n")
            .await;
        exec.print(b"\xff\xfe not UTF-8\ttab".to_vec()).await;
        exec.exit(0).await;
    })
    .await;
    let mut lines = Vec::new();
    let ssh = host.connect().await;
    let output = ssh
        .run_lines(&Script::default(), LIMITS, |line| {
            lines.push(line.to_owned())
        })
        .await
        .unwrap();
    assert_snapshot!(output.text, @r"
    �]0;title��[2Jred
    �31m �desrever � ��
    �� not UTF-8	tab
    ");
    assert_eq!(output.text.lines().collect::<Vec<_>>(), lines);
    assert_eq!(output.last_lines(1), ["\u{FFFD}\u{FFFD} not UTF-8\ttab"]);
}

#[tokio::test]
async fn a_channel_closed_without_a_status_is_no_success() {
    let host = Host::start(|exec: Exec| async move {
        exec.print("almost\n").await;
        exec.channel.close().await.unwrap();
    })
    .await;
    let output = host
        .connect()
        .await
        .run(&Script::default(), LIMITS)
        .await
        .unwrap();
    assert_eq!(
        (output.text.as_str(), output.status, output.success()),
        ("almost\n", None, false)
    );
}

#[tokio::test]
async fn a_connection_that_breaks_is_said_to_have_broken() {
    let host = Host::start(|exec: Exec| async move {
        exec.print("half of it").await;
        let bye = exec
            .handle
            .disconnect(Disconnect::ByApplication, String::new(), String::new());
        bye.await.unwrap();
    })
    .await;
    let ssh = host.connect().await;
    let error = ssh.run(&Script::default(), LIMITS).await.unwrap_err();
    assert_snapshot!(shown(&error, host.target.address), @r"
    error: abandon: the connection broke while running a script
    caused by: Disconnected
    help: Did the host restart, or this machine's network change? Run the command again: it goes on where this one ended.
    ");
    // The next command on it is told the same, at once.
    let error = ssh.run(&Script::default(), LIMITS).await.unwrap_err();
    assert!(matches!(error, SshError::Broken { .. }), "{error}");
}

#[tokio::test]
async fn a_host_opens_no_channel_towards_us() {
    let host = Host::start(|exec: Exec| async move {
        let (us, them) = ("127.0.0.1", "192.0.2.1");
        let h = &exec.handle;
        let answers = [
            ("agent", h.channel_open_agent().await.err()),
            ("x11", h.channel_open_x11(them, 6000).await.err()),
            (
                "forwarded-tcpip",
                h.channel_open_forwarded_tcpip(us, 22, them, 1).await.err(),
            ),
            (
                "forwarded-streamlocal",
                h.channel_open_forwarded_streamlocal("/run/s").await.err(),
            ),
            (
                "direct-tcpip",
                h.channel_open_direct_tcpip(us, 22, them, 1).await.err(),
            ),
            (
                "direct-streamlocal",
                h.channel_open_direct_streamlocal("/run/s").await.err(),
            ),
            ("session", h.channel_open_session().await.err()),
        ];
        for (kind, refusal) in answers {
            let refusal = refusal.map_or("OPENED".to_owned(), |error| error.to_string());
            exec.print(format!("{kind}: {refusal}\n")).await;
        }
        exec.exit(0).await;
    })
    .await;
    let output = host
        .connect()
        .await
        .run(&Script::default(), LIMITS)
        .await
        .unwrap();
    assert_snapshot!(output.text, @r"
    agent: Failed to open channel (AdministrativelyProhibited)
    x11: Failed to open channel (AdministrativelyProhibited)
    forwarded-tcpip: Failed to open channel (AdministrativelyProhibited)
    forwarded-streamlocal: Failed to open channel (AdministrativelyProhibited)
    direct-tcpip: Failed to open channel (AdministrativelyProhibited)
    direct-streamlocal: Failed to open channel (AdministrativelyProhibited)
    session: Failed to open channel (AdministrativelyProhibited)
    ");
}

#[tokio::test]
async fn a_command_that_ends_before_it_has_read_its_input_is_not_waited_for() {
    let _alone = MEMORY.lock().await;
    let host = Host::start(|exec: Exec| async {
        exec.print("no room on the disk\n").await;
        exec.exit(1).await;
    })
    .await;
    // More than the two megabytes that the host's window has: sending can only stop.
    let size = 8 << 20;
    let ssh = host.connect().await;
    let upload = ssh.upload("/full", tokio::io::repeat(b'x'), size, LIMITS);
    let output = upload.await.unwrap();
    assert_eq!(
        (output.text.as_str(), output.status),
        ("no room on the disk\n", Some(1))
    );
}

/// Odd in every way that a folder's name can be.
const ODD: &str = "-it's  $(touch ../pwned) \"x\" \\ `y`\n\u{1F980} *";

#[tokio::test]
async fn a_large_upload_arrives_whole_at_an_odd_path() {
    let _alone = MEMORY.lock().await;
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(ODD).join(ODD);
    // No two parts of it are the same, so a lost or swapped one shows.
    let content: Vec<u8> = (0..2_500_000_u32).flat_map(u32::to_le_bytes).collect();
    let host = Host::start(Exec::run).await;
    let ssh = host.connect().await;
    for _ in 0..2 {
        let size = content.len() as u64;
        let output = ssh
            .upload(path.to_str().unwrap(), content.as_slice(), size, LIMITS)
            .await
            .unwrap();
        assert_eq!((output.status, output.text.as_str()), (Some(0), ""));
        assert!(std::fs::read(&path).unwrap() == content, "another content");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let names = |folder: &std::path::Path| std::fs::read_dir(folder).unwrap().count();
    assert_eq!(
        (names(folder.path()), names(&folder.path().join(ODD))),
        (1, 1)
    );
}

/// A file that cannot be read to its end.
struct Failing(usize);

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0 == 0 {
            return Poll::Ready(Err(io::Error::other("bad sector")));
        }
        let part = self.0.min(buffer.remaining());
        buffer.put_slice(&vec![b'x'; part]);
        self.0 -= part;
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn an_upload_cut_off_on_either_side_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, "old").unwrap();
    let (ended, mut end) = mpsc::unbounded_channel();
    let host = Host::start(move |exec: Exec| {
        let ended = ended.clone();
        async move {
            exec.run().await;
            ended.send(()).unwrap();
        }
    })
    .await;
    let ssh = host.connect().await;
    let at = path.to_str().unwrap();

    // Our file cannot be read to its end.
    let error = ssh
        .upload(at, Failing(100_000), 200_000, LIMITS)
        .await
        .unwrap_err();
    assert_snapshot!(shown(&error, host.target.address), @r"
    error: abandon: cannot read what is to be sent while uploading a file
    caused by: bad sector
    help: Can the file still be read on this machine? Run the command again.
    ");
    end.recv().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");

    // It grew or shrank meanwhile.
    let output = ssh.upload(at, &b"shorter"[..], 200, LIMITS).await.unwrap();
    assert_eq!(
        (output.status, output.text.as_str()),
        (Some(1), "the file did not come whole\n")
    );
    end.recv().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");

    // The deadline passes while it is being sent.
    let limits = Limits {
        deadline: Duration::from_millis(300),
        ..LIMITS
    };
    let (pipe, _never_closed) = tokio::io::simplex(16);
    let error = ssh.upload(at, pipe, 200, limits).await.unwrap_err();
    assert!(matches!(error, SshError::TimedOut { .. }), "{error}");
    end.recv().await;
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
