//! The live screen, in a pseudo-terminal.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(120);

const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";
/// The screen shows this once there are visitors, but not while the application starts.
const VISITED: &str = "all right";
const SHOW_CURSOR: &str = "\x1b[?25h";

/// A terminal with the program running in it.
struct Session {
    child: Child,
    keyboard: File,
    /// The terminal's other side, kept open so that its modes can be inspected.
    terminal: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Session {
    fn start(arguments: &[&str], columns: u16, rows: u16) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("granted");
        unlockpt(&master).expect("unlocked");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("a plain name");
        tcsetwinsize(&master, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).expect("a size");
        let open = || OpenOptions::new().read(true).write(true).open(&name).expect("the terminal's other side");
        let child = Command::new(env!("CARGO_BIN_EXE_pulse"))
            .args(["--terminal", "--port", "0"])
            .args(arguments)
            .env("TERM", "xterm-256color")
            .stdin(open())
            .stdout(open())
            .stderr(open())
            .spawn()
            .expect("pulse starts");
        let keyboard = File::from(master.try_clone().expect("a copy"));
        let mut reader = File::from(master);
        let (send, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = [0; 4_096];
            while let Ok(length @ 1..) = reader.read(&mut buffer) {
                if send.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, terminal: open(), screen, seen: String::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a keyboard");
    }

    /// Waits until the terminal has shown this text since the last call, and returns everything up to it.
    fn see(&mut self, text: &str) -> String {
        loop {
            if let Some(at) = self.seen.find(text) {
                let rest = self.seen.split_off(at + text.len());
                return std::mem::replace(&mut self.seen, rest);
            }
            match self.screen.recv_timeout(PATIENCE) {
                Ok(bytes) => self.seen.push_str(&String::from_utf8_lossy(&bytes)),
                Err(_) => {
                    let _ = self.child.kill();
                    panic!("{text:?} did not appear in:\n{}", self.seen);
                }
            }
        }
    }

    fn is_raw(&self) -> bool {
        !tcgetattr(&self.terminal).expect("modes").local_modes.contains(LocalModes::ICANON)
    }
}

#[test]
fn the_screen_shows_a_kill_and_gives_the_terminal_back() {
    let mut session = Session::start(&[], 120, 40);
    session.see(ENTER);
    session.see(VISITED);
    assert!(session.is_raw(), "keys count without Enter");
    session.press("k");
    session.see("the instance is killed");
    session.see("every task is running again");
    session.press("q");
    session.see(LEAVE);
    let summary = session.see("numbers right: yes");
    assert!(summary.contains("killed: at"), "{summary}");
    assert_eq!(session.child.wait().expect("a status").code(), Some(0));
    assert!(!session.is_raw(), "the terminal is as it was");
}

#[test]
fn every_key_that_means_enough_ends_it() {
    for (keys, name) in [("\x03", "Ctrl-C"), ("\x04", "Ctrl-D"), ("q", "q")] {
        let mut session = Session::start(&[], 80, 24);
        session.see(VISITED);
        session.press(keys);
        let screen = session.see(LEAVE);
        assert!(screen.contains(SHOW_CURSOR), "{name}");
        session.see("numbers right: yes");
        assert_eq!(session.child.wait().expect("a status").code(), Some(0), "{name}");
        assert!(!session.is_raw(), "{name}");
    }
}

#[test]
fn it_can_be_ended_before_it_has_begun() {
    let mut session = Session::start(&[], 80, 24);
    session.see(ENTER);
    session.press("q");
    session.see(LEAVE);
    session.see("pulse: ");
    assert_eq!(session.child.wait().expect("a status").code(), Some(0));
    assert!(!session.is_raw());
}

#[test]
fn a_signal_gives_the_terminal_back() {
    use rustix::process::{Pid, Signal, kill_process};

    let mut session = Session::start(&[], 80, 24);
    session.see(VISITED);
    kill_process(Pid::from_child(&session.child), Signal::TERM).expect("pulse runs");
    session.see(LEAVE);
    session.see("numbers right: yes");
    assert_eq!(session.child.wait().expect("a status").code(), Some(0));
    assert!(!session.is_raw());
}

#[test]
fn a_tiny_terminal_is_no_reason_to_fail() {
    let mut session = Session::start(&["--seconds", "1"], 12, 3);
    session.see("needs more r");
    session.see("numbers right: yes");
    assert_eq!(session.child.wait().expect("a status").code(), Some(0));
}
