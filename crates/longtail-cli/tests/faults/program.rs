//! The built program, with an end to waiting for it.

use std::{
    fs::{self, File},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::counts::{Fault, Wrong};

/// No command here takes a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How the program ended, with what it printed and what it said.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub printed: String,
    pub said: String,
}

/// `longtail` with these words.
pub fn longtail<'a>(words: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("longtail"));
    command.args(words);
    command
}

/// Runs it to its end; what it says stands in `scratch` meanwhile.
pub fn run(command: &mut Command, scratch: &Path) -> Result<Ended, Fault> {
    let (out, err) = (scratch.join("stdout"), scratch.join("stderr"));
    let file = |path: &Path| File::create(path).unwrap();
    let mut child =
        command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Err((Wrong::Hang, format!("{command:?}: {}", text(&err))));
        }
        thread::sleep(Duration::from_millis(2));
    };
    let ended = Ended { status, printed: text(&out), said: text(&err) };
    ended.is_clean(command).map(|()| ended)
}

impl Ended {
    fn is_clean(&self, command: &Command) -> Result<(), Fault> {
        let told = || format!("{:?} of {command:?}: {}", self.status, self.said);
        if self.said.contains("panicked") || self.status.code() == Some(101) {
            return Err((Wrong::Panic, told()));
        }
        match self.status.signal() {
            // Sent by the case itself.
            None | Some(9) => Ok(()),
            Some(_) => Err((Wrong::Abort, told())),
        }
    }

    /// Whether it was killed.
    pub fn is_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    pub fn is_success(&self) -> bool {
        self.status.success()
    }

    /// Whether it refused, and in words that hold `words`.
    pub fn refuses(&self, words: &str) -> Result<(), Fault> {
        let told = || format!("{:?}, {words} is to be named: {}", self.status, self.said);
        let mut lines = self.said.lines();
        match self.status.code() {
            Some(0) => Err((Wrong::Silent, told())),
            Some(1 | 2)
                if lines.any(|line| line.starts_with("longtail: ") && line.contains(words)) =>
            {
                Ok(())
            }
            _ => Err((Wrong::Unclear, told())),
        }
    }
}
