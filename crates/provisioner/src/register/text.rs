//! What people read who join.

use super::desk::Standing;
use super::hosts::Access;

/// The one account that every participant's host has.
const USER: &str = "workshop";

/// How to make the one kind of key that is taken, as OpenSSH's own programs do it on every system.
const MAKE: &str = "ssh-keygen -t ed25519";

/// Before anybody logs in: the only line that reaches a client that offers no key and asks nothing.
pub(super) fn banner(workshop: &str) -> String {
    format!("{workshop}: you join with your ed25519 key. No such key? {MAKE}\r\n")
}

/// To whoever has no key that is taken.
///
/// `unproved` is the fingerprint of a key that would be taken, and that they did not sign with.
pub(super) fn no_key(refused: &[String], unproved: Option<&str>) -> String {
    if let Some(fingerprint) = unproved {
        return format!(
            "\nYou cannot join yet: your ssh offered the key {fingerprint}, and then did not use it.\n\
             Was its passphrase right, and did the agent allow it? Run the same ssh command again.\n\
             Or make another key, and name it:\n\n    {MAKE} -f FILE\n    ssh -i FILE ... (the rest as before)\n\n"
        );
    }
    let mut text = String::from("\nYou cannot join yet: none of your keys is an ed25519 key.\n");
    if !refused.is_empty() {
        text.push_str(&format!("What your ssh offered: {}.\n", refused.join(", ")));
    }
    text.push_str(&format!(
        "\nMake one, and press Enter at its first question:\n\n    {MAKE}\n\n\
         Then run the same ssh command again. If your ed25519 key is in another file, name it:\n\n    \
         ssh -i FILE ... (the rest as before)\n\n\
         Your private key stays where it is: nothing of it is sent.\n"
    ));
    text
}

/// To whoever got in.
pub(super) fn welcome(workshop: &str, fingerprint: &str) -> String {
    format!(
        "\n{workshop}\n\n\
         Your key: {fingerprint} (ed25519)\n\
         It will open your server. To take another one, press Ctrl-C and name its file:\n    \
         ssh -i FILE -o IdentitiesOnly=yes ... (the rest as before)\n\n"
    )
}

/// To whoever has joined before.
pub(super) fn welcome_back(workshop: &str, fingerprint: &str) -> String {
    format!("\n{workshop}\n\nYour key: {fingerprint} (ed25519)\n\n")
}

/// How they stand, and whether there is nothing more to wait for.
pub(super) fn standing(standing: &Standing) -> (String, Option<u32>) {
    match standing {
        Standing::Unknown => (
            "You are no longer among those who asked. Run the same command to ask again.\n".into(),
            Some(1),
        ),
        Standing::Waiting { name, initials } => (
            format!(
                "{}, you asked to join. The instructor has to let you in; you read it here then.\n{LEAVE}",
                who(name, initials)
            ),
            None,
        ),
        Standing::Refused { name } => (
            format!(
                "{}, the instructor did not let you in. Please talk to them.\n",
                isolated(name)
            ),
            Some(1),
        ),
        Standing::In {
            name,
            initials,
            seat,
        } => {
            let who = who(name, initials);
            match seat.as_ref().map(|seat| (&seat.word, &seat.access)) {
                None => (
                    format!(
                        "{who}, you are in. Your server's word comes as soon as it is chosen.\n"
                    ),
                    None,
                ),
                Some((word, None)) => (
                    format!(
                        "{who}, you are in. Your server is called: {word}\n\
                         It is not ready yet; you read it here then.\n{LEAVE}"
                    ),
                    None,
                ),
                Some((word, Some(access))) => (ready(&who, word, access), Some(0)),
            }
        }
    }
}

const LEAVE: &str =
    "You may also leave with Ctrl-C and come back at any time with the same command.\n";

fn who(name: &str, initials: &str) -> String {
    format!("{} ({})", isolated(name), isolated(initials))
}

fn ready(who: &str, word: &str, access: &Access) -> String {
    let Access {
        address,
        fingerprint,
        host_key,
    } = access;
    let (login, known) = (address.login(USER), address.known_host());
    format!(
        "{who}, your server is ready.\n\n    \
         word      {word}\n    \
         address   {address}\n    \
         log in    ssh {login}\n    \
         host key  {fingerprint}\n\n\
         Add `-i FILE` if your key is not in the usual place. ssh asks once whether the host key is right: compare it \
         with the line above. Or tell ssh the key beforehand:\n\n    \
         echo '{known} {host_key}' >> ~/.ssh/known_hosts\n"
    )
}

/// A name that reads from right to left, kept from turning what stands around it.
pub fn isolated(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}');
    if text.contains(turns) {
        // First strong isolate … pop directional isolate (Unicode's bidirectional algorithm, UAX #9).
        format!("\u{2068}{text}\u{2069}")
    } else {
        text.to_owned()
    }
}
