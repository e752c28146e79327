//! One connection: who it is by their key, and a conversation. Everything else that SSH can do is refused.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

use russh::keys::Algorithm;
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, MethodKind, MethodSet, Pty};
use tokio::sync::{mpsc, watch};

use super::desk::Desk;
use super::dialog::{Dialog, Input};
use super::limits::Place;
use super::text;
use crate::participants::{PublicKey, text::printable};

/// Packets that somebody typed and nobody has read. Whoever has so many unread is not a person.
const UNREAD: usize = 16;

/// Kinds of refused keys that are named to whoever offered them.
const NAMED: usize = 10;

/// Refused messages of one connection, before they are no longer answered.
const REFUSALS: u32 = 10;

/// SSH_EXTENDED_DATA_STDERR (RFC 4254, section 5.2).
const STDERR: u32 = 1;

pub(super) struct Connection {
    pub(super) desk: Arc<Desk>,
    pub(super) workshop: String,
    pub(super) from: IpAddr,
    pub(super) place: Arc<Place>,
    key: Option<PublicKey>,
    /// What was offered and is not taken, by the kind's name.
    refused: Vec<String>,
    /// The last key that would be taken, before anybody has signed with it.
    unproved: Option<PublicKey>,
    channel: Option<ChannelId>,
    input: Option<mpsc::Sender<Input>>,
    columns: watch::Sender<Option<u16>>,
    refusals: u32,
}

impl Connection {
    pub(super) fn new(desk: Arc<Desk>, workshop: String, from: IpAddr, place: Place) -> Self {
        Self {
            desk,
            workshop,
            from,
            place: Arc::new(place),
            key: None,
            refused: vec![],
            unproved: None,
            channel: None,
            input: None,
            columns: watch::channel(None).0,
            refusals: 0,
        }
    }

    /// Notes a key that is not taken, to name it when no other comes.
    fn refuse(&mut self, kind: &str) -> Auth {
        let kind = printable(kind);
        if self.refused.len() < NAMED && !self.refused.contains(&kind) {
            self.refused.push(kind);
        }
        Auth::reject()
    }

    /// Says no to something that is not for joining, and hangs up.
    fn not_for_this(
        &mut self,
        channel: ChannelId,
        what: &str,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        let text = format!(
            "{what} cannot be had here: this server is for joining only. Run ssh without a command.\n"
        );
        self.hang_up(channel, Some(STDERR), text, session)
    }

    /// The only thing that is said in a channel.
    fn hang_up(
        &self,
        channel: ChannelId,
        stream: Option<u32>,
        text: String,
        session: &mut Session,
    ) -> Result<(), russh::Error> {
        session.channel_success(channel)?;
        match stream {
            Some(stream) => session.extended_data(channel, stream, text.into_bytes())?,
            None => session.data(channel, text.into_bytes())?,
        }
        session.exit_status_request(channel, 1)?;
        session.eof(channel)?;
        session.close(channel)?;
        self.place.leaves();
        Ok(())
    }

    fn start(&mut self, channel: ChannelId, key: PublicKey, session: &Session) {
        let (sender, input) = mpsc::channel(UNREAD);
        self.input = Some(sender);
        self.place.talks();
        let (place, waiting) = (Arc::clone(&self.place), Arc::clone(&self.place));
        let dialog = Dialog {
            desk: Arc::clone(&self.desk),
            workshop: self.workshop.clone(),
            key,
            from: self.from,
            handle: session.handle(),
            channel,
            columns: self.columns.subscribe(),
            leash: self.place.leash(),
            input,
            waits: Box::new(move || waiting.waits()),
            typed: VecDeque::new(),
            ended: false,
        };
        tokio::spawn(async move {
            dialog.hold().await;
            place.leaves();
        });
    }

    fn type_in(&mut self, channel: ChannelId, input: Input) -> Result<(), russh::Error> {
        if self.channel != Some(channel) {
            return Ok(());
        }
        match &self.input {
            // Never waited for: this task also carries what the conversation writes.
            Some(sender) => match sender.try_send(input) {
                Ok(()) => Ok(()),
                Err(mpsc::error::TrySendError::Full(_)) => Err(russh::Error::Disconnect),
                // The conversation is over.
                Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Whether one more request of a kind that is refused may still be answered.
    fn bear(&mut self) -> Result<(), russh::Error> {
        self.refusals += 1;
        if self.refusals > REFUSALS {
            return Err(russh::Error::Disconnect);
        }
        Ok(())
    }
}

/// The ways in that are offered. The second one leads to a message for whoever has no key for the first.
pub(super) fn methods() -> MethodSet {
    MethodSet::from(&[MethodKind::PublicKey, MethodKind::KeyboardInteractive][..])
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Result<Option<String>, Self::Error> {
        Ok(Some(text::banner(&self.workshop)))
    }

    /// Asked before anything was proved: only whether such a key could be taken. A client with several keys goes on
    /// to its next one when this says no.
    async fn auth_publickey_offered(
        &mut self,
        _user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        if *offer.algorithm != Algorithm::Ed25519 {
            return Ok(self.refuse(offer.public_key.algorithm().as_str()));
        }
        self.unproved = ed25519(offer.public_key);
        Ok(if self.unproved.is_some() {
            Auth::Accept
        } else {
            self.refuse("a damaged ssh-ed25519")
        })
    }

    /// The signature is right: whoever it is has the private key. Any user's name will do, as people forget `join@`.
    async fn auth_publickey(
        &mut self,
        _user: &str,
        verified: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let Some(key) = ed25519(verified.public_key) else {
            return Ok(self.refuse("a damaged ssh-ed25519"));
        };
        self.place.logged_in(key.as_bytes());
        self.key = Some(key);
        Ok(Auth::Accept)
    }

    async fn auth_openssh_certificate(
        &mut self,
        _user: &str,
        certificate: &russh::keys::Certificate,
    ) -> Result<Auth, Self::Error> {
        // OpenSSH offers the key without its certificate next.
        self.unproved = None;
        let kind = certificate.algorithm().as_str().to_owned();
        Ok(self.refuse(&format!("a certificate of a {kind} key")))
    }

    /// OpenSSH comes here when it has offered all its keys. Whoever it is gets in without one, to read in any client
    /// and at any log level how a key is made; nothing else is said to them.
    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        _user: &str,
        _submethods: &str,
        _response: Option<Response<'a>>,
    ) -> Result<Auth, Self::Error> {
        Ok(Auth::Accept)
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.channel.is_some() {
            self.bear()?;
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        }
        self.channel = Some(channel.id());
        reply.accept().await;
        Ok(())
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _term: &str,
        columns: u32,
        _rows: u32,
        _pix_width: u32,
        _pix_height: u32,
        _modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.columns.send_replace(Some(clamped(columns)));
        session.channel_success(channel)
    }

    async fn window_change_request(
        &mut self,
        _channel: ChannelId,
        columns: u32,
        _rows: u32,
        _pix_width: u32,
        _pix_height: u32,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        // Without a terminal there is no window.
        self.columns.send_if_modified(|known| {
            let changes = known.is_some_and(|known| known != clamped(columns));
            if changes {
                *known = Some(clamped(columns));
            }
            changes
        });
        Ok(())
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.input.is_some() {
            self.bear()?;
            return session.channel_failure(channel);
        }
        let Some(key) = self.key.clone() else {
            self.bear()?;
            let mut text = text::no_key(
                &self.refused,
                self.unproved
                    .as_ref()
                    .map(PublicKey::fingerprint)
                    .as_deref(),
            );
            if self.columns.borrow().is_some() {
                text = text.replace('\n', "\r\n");
            }
            return self.hang_up(channel, None, text, session);
        };
        session.channel_success(channel)?;
        self.start(channel, key, session);
        Ok(())
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.bear()?;
        self.not_for_this(channel, "Running a command", session)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.bear()?;
        self.not_for_this(channel, "Copying files", session)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _single: bool,
        _protocol: &str,
        _cookie: &str,
        _screen: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.bear()?;
        session.channel_failure(channel)
    }

    async fn agent_request(
        &mut self,
        _channel: ChannelId,
        _session: &mut Session,
    ) -> Result<bool, Self::Error> {
        self.bear()?;
        Ok(false)
    }

    async fn data(
        &mut self,
        channel: ChannelId,
        data: &[u8],
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.type_in(channel, Input::Bytes(data.to_vec()))
    }

    async fn channel_eof(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.type_in(channel, Input::Eof)
    }

    async fn channel_close(
        &mut self,
        channel: ChannelId,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.channel == Some(channel) {
            // Nobody listens to the conversation any more. The channel is not given a second time.
            self.input = None;
            self.place.leaves();
        }
        Ok(())
    }
}

/// The key as the inventory has it, if it is a sound one.
fn ed25519(key: &russh::keys::PublicKey) -> Option<PublicKey> {
    let point = key.key_data().ed25519()?;
    PublicKey::new(point.0, "").ok()
}

fn clamped(columns: u32) -> u16 {
    // Zero is what a client says that does not know.
    match u16::try_from(columns.min(500)) {
        Ok(0) | Err(_) => 80,
        Ok(columns) => columns,
    }
}
