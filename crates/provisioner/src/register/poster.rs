//! A page for the wall: how to join, and the fingerprint to compare.

use std::net::IpAddr;

use super::text::isolated;

/// What the page says.
#[derive(Clone, Debug)]
pub struct Poster {
    /// The workshop's name.
    pub workshop: String,
    /// A name or an address that people can reach the server at.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Of the server's key.
    pub fingerprint: String,
}

impl Poster {
    /// What people type.
    pub fn command(&self) -> String {
        let host = match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_string(),
            Err(_) => self.host.clone(),
        };
        if self.port == 22 {
            format!("ssh join@{host}")
        } else {
            format!("ssh -p {} join@{host}", self.port)
        }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        format!(
            "{}\n\nJoin:\n\n    {}\n\nThe first time, ssh shows the key of this server. It must be:\n\n    {}\n\n\
             No key of your own yet? First:\n\n    ssh-keygen -t ed25519\n",
            isolated(&self.workshop),
            self.command(),
            self.fingerprint,
        )
    }

    /// For notes and slides.
    pub fn markdown(&self) -> String {
        format!(
            "# {}\n\nJoin:\n\n```sh\n{}\n```\n\nThe first time, ssh shows the key of this server. It must be:\n\n\
             ```text\n{}\n```\n\nNo key of your own yet? First:\n\n```sh\nssh-keygen -t ed25519\n```\n",
            markdown(&self.workshop),
            self.command(),
            self.fingerprint,
        )
    }

    /// For the printer: one page, readable from two metres.
    pub fn html(&self) -> String {
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>Join {title}</title>\n<style>\n\
             :root {{ color-scheme: light dark }}\n\
             body {{ font: 1.4rem/1.4 sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }}\n\
             h1 {{ font-size: 2.6rem }}\n\
             pre {{ font-size: 1.8rem; border: 2px solid; padding: .6em; white-space: pre-wrap; overflow-wrap: anywhere }}\n\
             @media print {{ body {{ margin: 0 auto }} }}\n</style>\n\
             <h1><bdi>{title}</bdi></h1>\n<p>Join:</p>\n<pre>{command}</pre>\n\
             <p>The first time, ssh shows the key of this server. It must be:</p>\n<pre>{fingerprint}</pre>\n\
             <p>No key of your own yet? First:</p>\n<pre>ssh-keygen -t ed25519</pre>\n</html>\n",
            title = html(&self.workshop),
            command = html(&self.command()),
            fingerprint = html(&self.fingerprint),
        )
    }
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Text in which Markdown finds nothing of its own.
fn markdown(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if c.is_ascii_punctuation() {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poster(workshop: &str, host: &str, port: u16) -> Poster {
        Poster {
            workshop: workshop.into(),
            host: host.into(),
            port,
            fingerprint: "SHA256:N8sEb2VYd81gfcs0XYCyrWl7VX1n9DN5dxw35t61R3c".into(),
        }
    }

    #[test]
    fn the_page_in_its_three_forms() {
        let page = poster("Tracing <b>&</b> *more*", "10.0.0.1", 2222);
        insta::assert_snapshot!([page.text(), page.markdown(), page.html()].join("\n=====\n"));
    }

    #[test]
    fn what_people_type() {
        for (host, port, command) in [
            ("10.0.0.1", 2222, "ssh -p 2222 join@10.0.0.1"),
            ("desk.example", 22, "ssh join@desk.example"),
            ("2001:db8::1", 2222, "ssh -p 2222 join@2001:db8::1"),
        ] {
            assert_eq!(poster("W", host, port).command(), command);
        }
    }
}
