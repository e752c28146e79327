//! A terminal of 80 columns, by `script` of util-linux: what is typed goes through the kernel's line discipline,
//! as it does for people.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::home::Home;

/// Nothing here takes a second; a machine that is busy with everything else may take many.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const CTRL_C: &str = "\u{3}";
pub(crate) const CTRL_D: &str = "\u{4}";

/// A run in a terminal.
pub(crate) struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
    reader: std::thread::JoinHandle<()>,
}

impl Terminal {
    /// Runs `workshop` with words that need no quotes.
    pub(crate) fn run(home: &Home, args: &[&str]) -> Self {
        let ours = home.command();
        // Tests that a script started in its background begin with Ctrl-C ignored, which is inherited.
        let command = format!(
            "stty cols 80 rows 24; exec env --default-signal=INT {} {}",
            ours.get_program().to_str().unwrap(),
            args.join(" ")
        );
        let mut script = std::process::Command::new("script");
        script
            .args(["-qfec", &command, "/dev/null"])
            .current_dir(ours.get_current_dir().unwrap())
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm");
        for (name, value) in ours.get_envs() {
            match value {
                Some(value) => script.env(name, value),
                None => script.env_remove(name),
            };
        }
        let mut child = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the tests need script: apt-get install bsdutils");
        let screen = Arc::<Mutex<Vec<u8>>>::default();
        let mut output = child.stdout.take().unwrap();
        let ours = Arc::clone(&screen);
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                ours.lock().unwrap().extend_from_slice(&buffer[..count]);
            }
        });
        Self {
            keyboard: child.stdin.take().unwrap(),
            child,
            screen,
            reader,
        }
    }

    /// All that was shown so far, without colours.
    pub(crate) fn screen(&self) -> String {
        let bytes = self.screen.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes).replace("\r\n", "\n");
        anstream::adapter::strip_str(&text).to_string()
    }

    /// Waits until `text` is shown for the `times`th time.
    pub(crate) fn shows(&self, text: &str, times: usize) {
        let end = Instant::now() + PATIENCE;
        while self.screen().matches(text).count() < times {
            assert!(Instant::now() < end, "no {text:?} in\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn types(&mut self, text: &str) {
        self.keyboard.write_all(text.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Its exit status as a shell tells it, and all that was shown.
    pub(crate) fn ends(mut self) -> (Option<i32>, String) {
        let end = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < end, "it goes on:\n{}", self.screen());
            std::thread::sleep(Duration::from_millis(10));
        };
        std::mem::replace(&mut self.reader, std::thread::spawn(|| ()))
            .join()
            .unwrap();
        (status.code(), self.screen())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Of a test that failed. The terminal's end is a hang-up for what runs in it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
