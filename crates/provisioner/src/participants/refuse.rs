//! Why a file is not taken as somebody's key, and what that person can do.

use std::io;
use std::path::PathBuf;

use miette::Diagnostic;
use thiserror::Error;

/// The largest key file that is read, in bytes. An ed25519 key is one line of about 100; this leaves
/// room for the mail it was pasted from.
pub const MAX_FILE: usize = 64 * 1024;

const NEW_PAIR: &str = "the owner makes a pair with `ssh-keygen -t ed25519` and sends the file whose name ends in `.pub`";
const SEND_AGAIN: &str =
    "ask for the file itself (`~/.ssh/id_ed25519.pub`), as an attachment rather than pasted text";

/// Why something is not accepted as a participant's key.
///
/// No variant holds anything of what was sent, but for names of key types and lengths.
#[derive(Debug, Error, Diagnostic)]
#[non_exhaustive]
pub enum Refusal {
    /// A private key, in whatever format.
    #[error("you were sent a PRIVATE key: it must be thrown away and a new pair made")]
    #[diagnostic(help(
        "delete every copy (the file, the mail, the chat) and tell its owner: a private key that was sent is no longer private; {NEW_PAIR}"
    ))]
    PrivateKey,

    /// An RSA key.
    #[error("this is an RSA key; only ssh-ed25519 is accepted")]
    #[diagnostic(help("{NEW_PAIR}"))]
    Rsa,

    /// An ECDSA key on one of the NIST curves.
    #[error("this is an ECDSA key; only ssh-ed25519 is accepted")]
    #[diagnostic(help("{NEW_PAIR}"))]
    Ecdsa,

    /// A DSA key.
    #[error(
        "this is a DSA key, which OpenSSH itself no longer accepts; only ssh-ed25519 is accepted"
    )]
    #[diagnostic(help("{NEW_PAIR}"))]
    Dsa,

    /// An ed448 key.
    #[error("this is an ed448 key, which OpenSSH does not know; only ssh-ed25519 is accepted")]
    #[diagnostic(help("{NEW_PAIR}"))]
    Ed448,

    /// A key that lives in a security key (FIDO).
    #[error(
        "this key lives in a security key ({algorithm}), which has to be touched at every login; only plain ssh-ed25519 is accepted"
    )]
    #[diagnostic(help("{NEW_PAIR}; the security key stays as it is"))]
    SecurityKey {
        /// The type's name.
        algorithm: &'static str,
    },

    /// An OpenSSH certificate.
    #[error(
        "this is a certificate ({algorithm}), not a key: no host of the workshop knows who signed it"
    )]
    #[diagnostic(help(
        "send the key that was certified: the file of the same name without `-cert`"
    ))]
    Certificate {
        /// The type's name.
        algorithm: &'static str,
    },

    /// A type name that no OpenSSH has.
    #[error(
        "the key says it is of a type that OpenSSH does not have; only ssh-ed25519 is accepted"
    )]
    #[diagnostic(help("{NEW_PAIR}"))]
    UnknownType,

    /// Options of `authorized_keys` stand before the key.
    #[error("options of authorized_keys stand before the key (such as `from=` or `command=`)")]
    #[diagnostic(help(
        "send the key without them, from `ssh-ed25519` on: the workshop decides what a login may do"
    ))]
    Options,

    /// A line of `known_hosts`: the key of a server.
    #[error("this is the key of a server, as known_hosts keeps it, not of a person")]
    #[diagnostic(help(
        "send `~/.ssh/id_ed25519.pub`; known_hosts lists the servers one has visited"
    ))]
    HostKey,

    /// A fingerprint or its picture.
    #[error("this is a fingerprint; a key cannot be made from it")]
    #[diagnostic(help("send the key itself: the one line in `~/.ssh/id_ed25519.pub`"))]
    Fingerprint,

    /// An RFC 4716 block that cannot be read.
    #[error(
        "this is an RFC 4716 block (`---- BEGIN SSH2 PUBLIC KEY ----`) that cannot be read to its end"
    )]
    #[diagnostic(help(
        "its owner converts it with `ssh-keygen -i -f FILE`, or copies the line that PuTTYgen shows under \"Public key for pasting\""
    ))]
    Rfc4716,

    /// Some other thing that is rightly called a key or a certificate.
    #[error("this is {what}, not an SSH key")]
    #[diagnostic(help("{NEW_PAIR}"))]
    OtherFormat {
        /// What it is, with its article.
        what: &'static str,
    },

    /// The key ends before it is complete.
    #[error("the key is cut off: an ssh-ed25519 key has 68 base64 digits after its type")]
    #[diagnostic(help("{SEND_AGAIN}"))]
    Truncated,

    /// More digits than a key has.
    #[error("the key is longer than an ssh-ed25519 key: it has 68 base64 digits, and then a blank")]
    #[diagnostic(help("{SEND_AGAIN}"))]
    TooLong,

    /// The base64 text has characters that do not belong there.
    #[error("the key is damaged: what follows `ssh-ed25519` is not base64 text")]
    #[diagnostic(help("{SEND_AGAIN}"))]
    Damaged,

    /// The line says one type and the blob another.
    #[error("the line says {says}, but the key in it is of type {holds}")]
    #[diagnostic(help("two lines were mixed up; {SEND_AGAIN}"))]
    TypeMismatch {
        /// The word before the key.
        says: &'static str,
        /// The name inside the key.
        holds: &'static str,
    },

    /// The point inside has another length than 32 bytes.
    #[error("the key inside is {length} bytes long; an ed25519 key has 32")]
    #[diagnostic(help("{SEND_AGAIN}"))]
    WrongPointLength {
        /// In bytes.
        length: usize,
    },

    /// The 32 bytes are not a point of the curve.
    #[error("the key is damaged: its 32 bytes are no point of the curve ed25519")]
    #[diagnostic(help("{SEND_AGAIN}"))]
    NotAPoint,

    /// A point under which everybody can sign, or that is not written in its one form.
    #[error("this key is forged: nobody owns it, or anybody can sign for it")]
    #[diagnostic(help("no key generator makes such a key; {NEW_PAIR}"))]
    WeakPoint,

    /// Several different ed25519 keys.
    #[error("there are {count} different ssh-ed25519 keys in it; which one is meant?")]
    #[diagnostic(help("keep the one line of the key that its owner wants to use"))]
    SeveralKeys {
        /// How many.
        count: usize,
    },

    /// A key that another person has already.
    #[error("this is the same key as {other}")]
    #[diagnostic(help(
        "a key is one person's: one of the two sent somebody else's file; {NEW_PAIR}"
    ))]
    SameKey {
        /// The other person, or the other file.
        other: String,
    },

    /// Nothing in it.
    #[error("there is nothing in it")]
    #[diagnostic(help("{SEND_AGAIN}"))]
    Empty,

    /// Not text.
    #[error("this is not text, so it is not a public key")]
    #[diagnostic(help(
        "a word processor's document or a picture holds no usable key; {SEND_AGAIN}"
    ))]
    Binary,

    /// Larger than any key.
    #[error("this is larger than {} KiB, so it is not a public key", MAX_FILE / 1024)]
    #[diagnostic(help("{SEND_AGAIN}"))]
    TooLarge,

    /// Text without a key.
    #[error("no public key is in it")]
    #[diagnostic(help("a key is one line that begins with `ssh-ed25519 AAAA`; {SEND_AGAIN}"))]
    NoKey,

    /// Nothing at that path.
    #[error("there is no such file")]
    #[diagnostic(help("{}", if *pub_exists {
        "the same name with `.pub` at its end is there: name that file"
    } else {
        "check the spelling; in an inventory, paths begin at the inventory's own folder"
    }))]
    Missing {
        /// Whether the file with `.pub` appended exists.
        pub_exists: bool,
    },

    /// A folder, pipe, socket or device.
    #[error("this is {what}, not a file")]
    #[diagnostic(help("{}", if *what == "a folder" {
        "name one file in it, or take every `*.pub` of it: `- {folder: DIR}` in an inventory, `workshop add --folder DIR`"
    } else {
        "name the file that holds the key"
    }))]
    NotAFile {
        /// What it is, with its article.
        what: &'static str,
    },

    /// The file cannot be read.
    #[error("it cannot be read")]
    #[diagnostic(help("check the permissions of the file and of the folders above it"))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The type names that stand in key files, with the refusal each one earns. `ssh-ed25519` is no part.
pub(crate) const OTHER_TYPES: [&str; 17] = [
    "ssh-rsa",
    "rsa-sha2-256",
    "rsa-sha2-512",
    "ssh-dss",
    "ssh-ed448",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa-cert-v01@openssh.com",
    "ssh-dss-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "ssh-ed25519-cert-v01@openssh.com",
    "sk-ssh-ed25519-cert-v01@openssh.com",
];

/// The name as this program writes it, so that no text from outside gets into a message.
pub(crate) fn known_type(name: &str) -> Option<&'static str> {
    OTHER_TYPES.into_iter().find(|known| *known == name)
}

impl Refusal {
    /// The refusal for a key of a type other than ssh-ed25519.
    pub(crate) fn of_type(name: &str) -> Self {
        let Some(algorithm) = known_type(name) else {
            return Self::UnknownType;
        };
        if algorithm.contains("-cert-v01@") {
            Self::Certificate { algorithm }
        } else if algorithm.starts_with("sk-") {
            Self::SecurityKey { algorithm }
        } else if algorithm.starts_with("ecdsa-") {
            Self::Ecdsa
        } else if algorithm == "ssh-dss" {
            Self::Dsa
        } else if algorithm == "ssh-ed448" {
            Self::Ed448
        } else {
            Self::Rsa
        }
    }
}
