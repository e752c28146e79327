//! The conversation with one person: two questions, and then whatever becomes of it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use russh::ChannelId;
use russh::server::Handle;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::desk::{AskError, Desk, Standing};
use super::hosts::blocking;
use super::leash::Leash;
use super::line::{Key, Line, drawn};
use super::text;
use crate::inventory::naming;
use crate::participants::PublicKey;

/// Somebody thinks about their name, or went away.
const IDLE: Duration = Duration::from_secs(5 * 60);

/// A client that takes so long to read a line has stopped reading.
const SEND: Duration = Duration::from_secs(20);

/// Answers that are not taken, before somebody is asked to come back.
const MISTAKES: u32 = 20;

/// What comes from the client.
#[derive(Debug)]
pub(super) enum Input {
    Bytes(Vec<u8>),
    /// It sends nothing more.
    Eof,
}

/// Nobody is there to talk to any more.
#[derive(Debug)]
struct Gone;

/// What a question came to.
enum Answer {
    Line(String),
    Leaves,
    /// There is no more input.
    End,
    /// They are sent away, and why.
    SentAway(String),
}

pub(super) struct Dialog {
    pub(super) desk: Arc<Desk>,
    pub(super) workshop: String,
    pub(super) key: PublicKey,
    pub(super) from: IpAddr,
    pub(super) handle: Handle,
    pub(super) channel: ChannelId,
    /// Columns of the terminal; none where there is no terminal.
    pub(super) columns: watch::Receiver<Option<u16>>,
    pub(super) leash: watch::Receiver<Leash>,
    pub(super) input: mpsc::Receiver<Input>,
    /// Called when there is nothing more to ask.
    pub(super) waits: Box<dyn Fn() + Send + Sync>,
    pub(super) typed: VecDeque<u8>,
    pub(super) ended: bool,
}

impl Dialog {
    /// Talks until there is nothing more to say, and hangs up.
    pub(super) async fn hold(mut self) {
        let Ok(status) = self.talk().await else {
            return;
        };
        let (handle, channel) = (self.handle.clone(), self.channel);
        let goodbye = async {
            let _ = handle.exit_status_request(channel, status).await;
            let _ = handle.eof(channel).await;
            let _ = handle.close(channel).await;
        };
        let _ = tokio::time::timeout(SEND, goodbye).await;
    }

    async fn talk(&mut self) -> Result<u32, Gone> {
        let fingerprint = self.key.fingerprint();
        if self.desk.standing(&self.key) != Standing::Unknown {
            self.say(&text::welcome_back(&self.workshop, &fingerprint))
                .await?;
            return self.follow().await;
        }
        self.say(&text::welcome(&self.workshop, &fingerprint))
            .await?;
        for _ in 0..MISTAKES {
            match self.question().await? {
                None => return self.follow().await,
                Some(Answer::Line(_)) => {}
                Some(Answer::Leaves) => {
                    self.say("Nothing was sent.\n").await?;
                    return Ok(1);
                }
                Some(Answer::End) => {
                    self.say("\nNo name came, so nothing was sent.\n").await?;
                    return Ok(1);
                }
                Some(Answer::SentAway(why)) => {
                    self.say(&format!("\n{why}\n")).await?;
                    return Ok(1);
                }
            }
        }
        self.say("That did not work. Ask the instructor for help, and come back with the same command.\n")
            .await?;
        Ok(1)
    }

    /// Asks for name and initials and hands them in. `None` when that is done; a line when it has to be asked again.
    async fn question(&mut self) -> Result<Option<Answer>, Gone> {
        let name = match self.read("Your name: ").await? {
            Answer::Line(name) => name,
            other => return Ok(Some(other)),
        };
        let name = match self.desk.check_name(&name, &self.key) {
            Ok(name) => name,
            Err(error) => return self.again(&error).await,
        };
        let made = naming::initials_of(&name).ok();
        let prompt = match &made {
            Some(made) => format!("Your initials [{made}]: "),
            None => "Your initials (one to four letters): ".to_owned(),
        };
        let initials = match self.read(&prompt).await? {
            Answer::Line(initials) => initials,
            // A name was given, and what is left out has a default.
            Answer::End if made.is_some() => String::new(),
            other => return Ok(Some(other)),
        };
        let initials = match made {
            Some(made) if initials.trim().is_empty() => made,
            _ => initials,
        };
        let (desk, key, from) = (Arc::clone(&self.desk), self.key.clone(), self.from);
        let asked = blocking(move || {
            let asked = desk.ask(&name, &initials, &key, from);
            desk.answer_by_itself();
            asked
        });
        match asked.await {
            Ok(()) => Ok(None),
            Err(error) => self.again(&error).await,
        }
    }

    async fn again(&mut self, error: &AskError) -> Result<Option<Answer>, Gone> {
        let mut message = match error {
            AskError::NameTaken { name } => format!(
                "Somebody called {name} is there already, with another key. If that is you, come with the key you \
                 had then (ssh -i FILE -o IdentitiesOnly=yes ...). If not, add a surname or a letter to your name."
            ),
            AskError::Store(_) => {
                self.desk.tell(super::event::Event::Trouble {
                    message: super::event::with_causes(error),
                    hint: None,
                });
                return Ok(Some(Answer::SentAway(
                    "It could not be written down. Tell the instructor, and come back.".into(),
                )));
            }
            other => other.to_string(),
        };
        if let Some(first) = message.get(..1).map(str::to_uppercase) {
            message.replace_range(..1, &first);
        }
        self.say(&format!("{message}\n")).await?;
        Ok(Some(Answer::Line(String::new())))
    }

    /// Says how they stand, each time that changes, until there is nothing more to wait for.
    async fn follow(&mut self) -> Result<u32, Gone> {
        (self.waits)();
        let mut changes = self.desk.changes();
        let mut said = None;
        loop {
            changes.mark_unchanged();
            let standing = self.desk.standing(&self.key);
            if said.as_ref() != Some(&standing) {
                let (text, end) = text::standing(&standing);
                self.say(&text).await?;
                if let Some(status) = end {
                    return Ok(status);
                }
                said = Some(standing);
            }
            if self.typed.iter().any(|byte| matches!(byte, 0x03 | 0x04)) {
                self.say("What you sent is kept. Come back with the same command.\n")
                    .await?;
                return Ok(0);
            }
            self.typed.clear();
            tokio::select! {
                _ = changes.changed() => {}
                why = sent_away(&mut self.leash) => {
                    self.say(&format!("{why}\n")).await?;
                    return Ok(1);
                }
                input = self.input.recv(), if !self.ended => match input {
                    Some(Input::Bytes(bytes)) => self.typed.extend(bytes),
                    // Whoever pipes their answers in still wants to read ours.
                    Some(Input::Eof) => self.ended = true,
                    None => return Err(Gone),
                },
            }
        }
    }

    /// A line that is typed behind `prompt`.
    async fn read(&mut self, prompt: &str) -> Result<Answer, Gone> {
        let mut line = Line::default();
        let mut terminal = self.columns.borrow_and_update().is_some();
        self.send(prompt).await?;
        let mut until = Instant::now() + IDLE;
        loop {
            let was_typed = !self.typed.is_empty();
            while let Some(byte) = self.typed.pop_front() {
                let Some(key) = line.push(byte) else { continue };
                if let Key::Line(text) = &key {
                    if terminal {
                        let mut whole = Line::default();
                        for byte in text.bytes() {
                            whole.push(byte);
                        }
                        let drawn = self.drawn(prompt, &whole);
                        self.send(&format!("{drawn}\r\n")).await?;
                    }
                    return Ok(Answer::Line(text.clone()));
                }
                self.send(if terminal { "\r\n" } else { "\n" }).await?;
                return Ok(Answer::Leaves);
            }
            if self.ended {
                return Ok(line.rest().map_or(Answer::End, Answer::Line));
            }
            if was_typed && terminal {
                let drawn = self.drawn(prompt, &line);
                self.send(&drawn).await?;
            }
            tokio::select! {
                input = self.input.recv() => match input {
                    Some(Input::Bytes(bytes)) => {
                        until = Instant::now() + IDLE;
                        self.typed.extend(bytes);
                    }
                    Some(Input::Eof) => self.ended = true,
                    None => return Err(Gone),
                },
                // However often a window changes, this sees its last size only.
                Ok(()) = self.columns.changed() => {
                    terminal = self.columns.borrow_and_update().is_some();
                    if !line.is_empty() {
                        let drawn = self.drawn(prompt, &line);
                        self.send(&drawn).await?;
                    }
                }
                why = sent_away(&mut self.leash) => return Ok(Answer::SentAway(why.to_owned())),
                () = tokio::time::sleep_until(until) => {
                    let minutes = IDLE.as_secs() / 60;
                    return Ok(Answer::SentAway(format!(
                        "Nothing came for {minutes} minutes. Come back with the same command."
                    )));
                }
            }
        }
    }

    fn drawn(&self, prompt: &str, line: &Line) -> String {
        drawn(prompt, line, self.columns.borrow().unwrap_or(80))
    }

    /// Text whose lines end as the other side's need it.
    async fn say(&self, text: &str) -> Result<(), Gone> {
        if self.columns.borrow().is_some() {
            self.send(&text.replace('\n', "\r\n")).await
        } else {
            self.send(text).await
        }
    }

    async fn send(&self, text: &str) -> Result<(), Gone> {
        let sending = self.handle.data(self.channel, text.as_bytes().to_vec());
        match tokio::time::timeout(SEND, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// Waits until somebody ends this connection, and says why.
async fn sent_away(leash: &mut watch::Receiver<Leash>) -> &'static str {
    let why = leash.wait_for(|leash| leash.why.is_some()).await;
    match why.map(|leash| leash.why) {
        Ok(Some(why)) => why,
        Ok(None) | Err(_) => "The connection ends.",
    }
}
