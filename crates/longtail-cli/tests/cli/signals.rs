//! Signals are heard in every phase, a second one at once, and leave whole files only.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use image::{Rgb, RgbImage};

use super::program::{Place, SMALL};

/// Nothing here takes as long, even on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program at work, and what it says.
pub struct Running {
    child: Child,
    said: Receiver<String>,
    heard: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, said) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            stderr.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, said, heard: String::new() }
    }

    /// Waits until it says a line with these words; gives the line.
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let line = self.said.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it never said {words}: {}", self.heard));
            self.heard += &format!("{line}\n");
            if line.contains(words) {
                return line;
            }
        }
    }

    fn wait_until(&mut self, holds: impl Fn() -> bool) {
        let began = Instant::now();
        while !holds() {
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "it ended by itself: {}",
                self.rest()
            );
            assert!(began.elapsed() < PATIENCE, "it never came to that: {}", self.heard);
            thread::yield_now();
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap().success());
    }

    fn rest(&mut self) -> String {
        self.said.iter().for_each(|line| self.heard += &format!("{line}\n"));
        self.heard.clone()
    }

    /// Waits for its end; its status and all that it said.
    fn end(mut self) -> (ExitStatus, String) {
        let began = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > PATIENCE {
                self.child.kill().unwrap();
                panic!("it does not end: {}", self.rest());
            }
            thread::sleep(Duration::from_millis(1));
        };
        (status, self.rest())
    }

    pub fn ends_with(self, status: i32, words: &str) {
        let (ended, said) = self.end();
        assert_eq!(ended.code(), Some(status), "{said}");
        assert!(said.contains(words) && !said.contains("panicked"), "{said}");
    }
}

/// A list `name` of an image of each of two classes again and again, under many names.
fn list(place: &Place, name: &str, images: [&str; 2], times: usize) {
    let mut lines = String::new();
    fs::create_dir_all(place.path("links")).unwrap();
    for i in 0..times {
        for (image, class) in images.iter().zip(["red", "green"]) {
            let link = format!("links/{name}-{class}-{i}.png");
            fs::hard_link(place.path(image), place.path(&link)).unwrap();
            lines += &format!("{link} {class}\n");
        }
    }
    place.write(name, &lines);
}

/// Images of either class of a list that takes long.
const SLOW: usize = 2000;

/// `place` with a list whose images take much longer to decode than it takes to be told to stop.
fn slow_list(place: &Place) {
    for (name, color) in [("red.png", [200, 0, 0]), ("green.png", [0, 200, 0])] {
        RgbImage::from_pixel(3000, 3000, Rgb(color)).save(place.path(name)).unwrap();
    }
    list(place, "slow.txt", ["red.png", "green.png"], SLOW);
}

/// Bytes that a process has read.
#[cfg(target_os = "linux")]
fn read(process: u32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.and_then(|read| read.parse().ok()).unwrap_or(0)
}

#[cfg(target_os = "linux")]
#[test]
fn loading_ends_at_once_and_leaves_nothing() {
    let place = Place::new();
    slow_list(&place);
    let bytes: u64 = ["red.png", "green.png"]
        .map(|name| place.path(name).metadata().unwrap().len() * SLOW as u64)
        .iter()
        .sum();
    // While files are looked at, and while images are decoded.
    for (signal, status, share) in [("TERM", 143, 0.1), ("INT", 130, 1.1)] {
        let words = "train --data slow.txt --image-size 16 --backbone resnet8 --out run";
        let mut running = Running::start(place.command(words));
        let process = running.child.id();
        running.wait_until(|| read(process) as f64 > share * bytes as f64);
        running.signal(signal);
        running.ends_with(status, "longtail: stopped before training began");
        assert!(!place.exists("run"));
    }
}

#[test]
fn evaluation_ends_at_once_and_says_nothing_of_saving() {
    let place = Place::with_photos();
    slow_list(&place);
    place.succeed(&format!("train {SMALL} --max-steps 1 --out run"));
    let before = fs::read(place.path("run/summary.json")).unwrap();
    let mut running = Running::start(place.command("evaluate run --data slow.txt"));
    running.wait_for("are not the images of the run");
    running.signal("TERM");
    let (status, said) = running.end();
    assert_eq!(status.code(), Some(143), "{said}");
    assert!(said.contains("longtail: stopped") && !said.contains("saving"), "{said}");
    assert_eq!(fs::read(place.path("run/summary.json")).unwrap(), before);
}

#[test]
fn figures_after_training_are_given_up_at_once_and_the_run_is_saved() {
    let place = Place::with_photos();
    list(&place, "train.txt", ["photos/red/00.png", "photos/green/00.png"], 4);
    list(&place, "test.txt", ["photos/red/01.png", "photos/green/01.png"], 10_000);
    let words = "train --data train.txt --test-list test.txt --image-size 16 --backbone resnet32 \
                 --batch-size 4 --epochs 1 --out run";
    let mut running = Running::start(place.command(words));
    running.wait_for("epoch 1 ");
    running.signal("INT");
    let (status, said) = running.end();
    assert_eq!(status.code(), Some(130), "{said}");
    // The second where it is as quick as that.
    let is_said = ["the run is saved: longtail evaluate run", "saved; continue with"];
    assert!(is_said.iter().any(|words| said.contains(words)), "{said}");
    assert!(place.exists("run/checkpoints/last.safetensors") && !place.exists("run/summary.json"));
}

#[test]
fn training_saves_first_whatever_the_signal_and_goes_on_from_there() {
    let place = Place::with_photos();
    let words = format!("train {} --epochs 500 --out run", SMALL.replace("--quiet", ""));
    let mut running = Running::start(place.command(&words));
    running.wait_for("epoch 1 ");
    running.signal("TERM");
    let (status, said) = running.end();
    assert_eq!(status.code(), Some(143), "{said}");
    assert!(said.contains("saving after this "), "{said}");
    assert!(said.contains("saved; continue with longtail train --resume --out run"), "{said}");
    let mut running = Running::start(place.command("train --resume --out run"));
    running.wait_for("goes on ");
    running.wait_for("epoch ");
    running.signal("HUP");
    running.ends_with(129, "saved; continue with");
}

#[test]
fn prediction_ends_at_once_and_leaves_the_answers_before() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --out run"));
    place.write("answers.csv", "before");
    let words = "predict run - --format csv --out answers.csv";
    let mut running = Running::start(place.command(words));
    running.wait_for("weights of ");
    running.signal("TERM");
    running.ends_with(143, "longtail: stopped");
    assert_eq!(fs::read(place.path("answers.csv")).unwrap(), b"before");
    assert!(!place.exists(".answers.csv.part"));

    let mut running = Running::start(place.command("predict run -"));
    let images = feed(&mut running.child);
    let mut answers = BufReader::new(running.child.stdout.take().unwrap());
    let mut first = String::new();
    answers.read_line(&mut first).unwrap();
    assert!(!first.is_empty());
    running.signal("INT");
    running.ends_with(130, "longtail: stopped");
    images.join().unwrap();
}

/// Names an image to the program as long as it lives.
fn feed(child: &mut Child) -> thread::JoinHandle<()> {
    let mut stdin: ChildStdin = child.stdin.take().unwrap();
    thread::spawn(move || while stdin.write_all(b"photos/red/00.png\n").is_ok() {})
}

#[test]
fn a_program_under_nohup_outlives_its_terminal() {
    let place = Place::with_photos();
    place.succeed(&format!("train {SMALL} --max-steps 1 --out run"));
    let program = assert_cmd::cargo::cargo_bin!("longtail").display().to_string();
    let mut command = Command::new("sh");
    let script = format!("trap '' HUP; exec {program} predict run --device cpu -");
    command.args(["-c", &script]).current_dir(place.path(""));
    let mut running = Running::start(command);
    running.wait_for("weights of ");
    running.signal("HUP");
    let mut stdin = running.child.stdin.take().unwrap();
    stdin.write_all(b"photos/red/00.png\n").unwrap();
    drop(stdin);
    let mut answers = String::new();
    running.child.stdout.take().unwrap().read_to_string(&mut answers).unwrap();
    assert!(answers.contains("photos/red/00.png"), "{answers}");
    running.ends_with(0, "weights of ");
}

/// An image that no encoder makes smaller.
fn noise(path: &Path, seed: u32) {
    let mut state = seed;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    RgbImage::from_fn(128, 128, |_, _| Rgb([byte(), byte(), byte()])).save(path).unwrap();
}

#[test]
fn packing_ends_at_once_and_leaves_the_pack_before() {
    let place = Place::with_photos();
    place.succeed("data pack --data photos --image-size 16 --out small.pack");
    let before = fs::read(place.path("small.pack")).unwrap();
    noise(&place.path("red.png"), 1);
    noise(&place.path("green.png"), 2);
    list(&place, "noise.txt", ["red.png", "green.png"], 1000);
    let words = "data pack --data noise.txt --image-size 128 --out small.pack --piece-size 1";
    let mut running = Running::start(place.command(words));
    running.wait_until(|| place.exists("small.pack.part001"));
    running.signal("INT");
    running.ends_with(130, "longtail: stopped");
    assert_eq!(fs::read(place.path("small.pack")).unwrap(), before);
    let left = fs::read_dir(place.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".part")).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_download_ends_at_once_and_keeps_what_is_there() {
    let place = Place::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", server.local_addr().unwrap());
    let serving = thread::spawn(move || {
        let mut stream = server.accept().unwrap().0;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 170052171\r\n\r\n";
        stream.write_all(&[head.as_bytes(), &[7; 500]].concat()).unwrap();
        // Until the other side is gone.
        while stream.read(&mut [0; 1000]).is_ok_and(|count| count > 0) {}
    });
    let words = format!("data fetch cifar10 --mirror {mirror} --data-dir data");
    let mut running = Running::start(place.command(&words));
    let part = place.path("data/cifar-10-binary.tar.gz.part");
    running.wait_until(|| part.metadata().is_ok_and(|meta| meta.len() == 500));
    running.signal("TERM");
    running.ends_with(143, "the same command goes on where it stopped");
    assert_eq!(part.metadata().unwrap().len(), 500);
    serving.join().unwrap();
}
