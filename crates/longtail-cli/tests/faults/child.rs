//! A share of the mutants of one format, in a process of its own, whose memory is limited and which may be
//! ended.

use std::{
    env, fs,
    io::Write,
    os::unix::process::ExitStatusExt,
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    chance::{Chance, mutate},
    counts::{Fault, Wrong},
    formats::{FORMATS, Format, Seen},
    run::copy,
};

/// KiB that a process may take in all: the largest image that is believed, more than once.
const MEMORY: u64 = 6 << 20;
/// No mutant takes a second on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a process is told.
const SHARE: &str = "LONGTAIL_FAULTS_SHARE";

/// Reads the mutants from `from` to `to` of the samples in `samples`; only in a process that was started for that.
#[test]
fn share() {
    let Ok(share) = env::var(SHARE) else { return };
    let words: Vec<&str> = share.split('|').collect();
    let [format, from, to, seed, samples, folder] = words[..] else { panic!("{share}") };
    let format = FORMATS.iter().find(|known| known.name == format).unwrap();
    let number = |text: &str| text.parse::<u64>().unwrap();
    let samples = samples_of(format, Path::new(samples));
    let folder = Path::new(folder);
    let whole: Vec<_> = samples.iter().map(|sample| (format.read)(sample, folder)).collect();
    assert!(whole.iter().any(Result::is_ok), "{:?}", whole.first());
    panic::set_hook(Box::new(|_| {}));
    for mutant in number(from)..number(to) {
        fs::write(folder.join("at"), mutant.to_string()).unwrap();
        let mut chance = Chance::new(number(seed), mutant);
        let sample = chance.below(samples.len());
        let bytes = mutate(&samples[sample], &mut chance);
        if let Some((kind, text)) = wrong(format, &bytes, folder, &whole[sample]) {
            let mut file = fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join("faults"))
                .unwrap();
            writeln!(file, "{kind} {mutant}: {}", text.replace('\n', " ")).unwrap();
        }
    }
    fs::write(folder.join("done"), "").unwrap();
}

/// What goes wrong with one mutant.
fn wrong(
    format: &Format,
    bytes: &[u8],
    folder: &Path,
    whole: &Result<Seen, String>,
) -> Option<(&'static str, String)> {
    match panic::catch_unwind(AssertUnwindSafe(|| (format.read)(bytes, folder))) {
        Err(cause) => {
            let text = cause.downcast_ref::<String>().cloned();
            let text = text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(("panic", text.unwrap_or_default()))
        }
        Ok(Ok(Some(seen))) if whole.as_ref() != Ok(&Some(seen)) => {
            Some(("silent", "it is taken for another file".into()))
        }
        Ok(_) => None,
    }
}

fn samples_of(format: &Format, samples: &Path) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(samples.join(format.name)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// All that goes wrong with the first `mutants` mutants of a format.
pub fn all_of(format: &Format, mutants: u64, seed: u64, samples: &Path) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut from = 0;
    while from < mutants && faults.len() < 50 {
        let folder = tempfile::tempdir().unwrap();
        copy(&samples.join("beside"), folder.path());
        let place = folder.path().display();
        let share =
            format!("{}|{from}|{mutants}|{seed}|{}|{place}", format.name, samples.display());
        let broken = watch(start(&share), folder.path());
        faults.extend(told(folder.path(), format));
        let Some((wrong, text)) = broken else { break };
        let at = fs::read_to_string(folder.path().join("at")).unwrap_or_default();
        faults.push((wrong, format!("{} mutant {at}: {text}", format.name)));
        from = at.parse::<u64>().map_or(mutants, |at| at + 1);
    }
    faults
}

fn start(share: &str) -> Child {
    let script = format!("ulimit -v {MEMORY}; exec \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, "sh"]).arg(env::current_exe().unwrap());
    command.args(["--exact", "faults::child::share", "--test-threads", "1"]).env(SHARE, share);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Waits for a process; what broke it, if something did.
fn watch(mut child: Child, folder: &Path) -> Option<(Wrong, String)> {
    let at = || fs::read_to_string(folder.join("at")).unwrap_or_default();
    let mut last = (at(), Instant::now());
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            let is_done = status.success() && folder.join("done").exists();
            let what = format!("{:?}, signal {:?}", status.code(), status.signal());
            return (!is_done).then_some((Wrong::Abort, what));
        }
        let now = at();
        if now != last.0 {
            last = (now, Instant::now());
        } else if last.1.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return Some((Wrong::Hang, "it does not end".into()));
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn told(folder: &Path, format: &Format) -> Vec<Fault> {
    let text = fs::read_to_string(folder.join("faults")).unwrap_or_default();
    let kind = |line: &str| if line.starts_with("panic") { Wrong::Panic } else { Wrong::Silent };
    text.lines().map(|line| (kind(line), format!("{} {line}", format.name))).collect()
}
