//! Downloads against a local server: whole, cut off, resumed, wrong, unreachable.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    path::Path,
    thread,
    time::Duration,
};

use longtail::data::{
    Cifar, DataError,
    fetch::{Remote, fetch},
};
use md5::{Digest, Md5};
use tempfile::tempdir;

/// How a server treats one request.
#[derive(Clone, Copy)]
enum Answer {
    Whole,
    /// Promises all and closes after this many bytes.
    CutAfter(usize),
    Status(u16),
    /// Promises all, sends this many bytes and then waits until the other end goes away.
    SilentAfter(usize),
    /// Says no length, and sends the content twice.
    Twice,
}

fn content() -> Vec<u8> {
    (0..200_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Serves [`content`], one answer per connection, and tells the ranges that were asked for.
fn serve(answers: Vec<Answer>) -> (String, thread::JoinHandle<Vec<Option<usize>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/kriz", listener.local_addr().unwrap());
    let ranges = thread::spawn(move || {
        answers.iter().map(|answer| reply(&mut listener.accept().unwrap().0, *answer)).collect()
    });
    (url, ranges)
}

fn reply(stream: &mut TcpStream, answer: Answer) -> Option<usize> {
    let mut range = None;
    for line in BufReader::new(&mut *stream).lines() {
        let line = line.unwrap().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("range: bytes=") {
            range = Some(value.trim_end_matches('-').parse().unwrap());
        }
        if line.is_empty() {
            break;
        }
    }
    let body = content().split_off(range.unwrap_or(0));
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    match answer {
        Answer::Whole => {
            stream.write_all(head(status, body.len()).as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
        }
        Answer::CutAfter(bytes) => {
            stream.write_all(head(status, body.len()).as_bytes()).unwrap();
            stream.write_all(&body[..bytes]).unwrap();
        }
        Answer::SilentAfter(bytes) => {
            stream.write_all(head(status, body.len()).as_bytes()).unwrap();
            stream.write_all(&body[..bytes]).unwrap();
            let _ = stream.read(&mut [0]);
        }
        Answer::Twice => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n").unwrap();
            // The other end goes away in the midst of it.
            let _ = stream.write_all(&[&body[..], &body].concat());
        }
        Answer::Status(code) => {
            stream.write_all(head(&format!("{code} No"), 0).as_bytes()).unwrap();
        }
    }
    range
}

fn remote(server: &str) -> Remote {
    let md5 = Md5::digest(content()).iter().map(|byte| format!("{byte:02x}")).collect();
    Remote {
        name: "set.tar.gz".into(),
        url: format!("{server}/set.tar.gz"),
        md5,
        size: content().len() as u64,
        patience: Duration::from_secs(30),
    }
}

fn get(remote: &Remote, dir: &Path) -> Result<(), DataError> {
    fetch(remote, dir, &mut |_, _| {}).map(|_| ())
}

#[test]
fn a_file_is_downloaded_once_and_its_progress_is_told() {
    let dir = tempdir().unwrap();
    let (server, ranges) = serve(vec![Answer::Whole]);
    let remote = remote(&server);
    let mut told = Vec::new();
    let path = fetch(&remote, &dir.path().join("new"), &mut |done, whole| told.push((done, whole)));
    assert_eq!(fs::read(path.unwrap()).unwrap(), content());
    assert_eq!(told.first(), Some(&(0, Some(200_000))));
    assert_eq!(told.last(), Some(&(200_000, Some(200_000))));
    assert_eq!(ranges.join().unwrap(), [None]);
    // The server is gone: only what is here can answer.
    get(&remote, &dir.path().join("new")).unwrap();
}

#[test]
fn what_was_cut_off_goes_on_where_it_stopped() {
    let dir = tempdir().unwrap();
    let (server, ranges) = serve(vec![Answer::CutAfter(70_000), Answer::Whole]);
    let remote = remote(&server);
    let text = get(&remote, dir.path()).unwrap_err().to_string();
    assert!(text.contains("goes on where it stopped"), "{text}");
    assert!(!dir.path().join("set.tar.gz").exists());
    get(&remote, dir.path()).unwrap();
    assert_eq!(fs::read(dir.path().join("set.tar.gz")).unwrap(), content());
    assert_eq!(ranges.join().unwrap(), [None, Some(70_000)]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "the part took the file's name");
}

#[test]
fn a_wrong_checksum_is_refused_and_not_gone_on_from() {
    let dir = tempdir().unwrap();
    let (server, _ranges) = serve(vec![Answer::Whole]);
    let remote = Remote { md5: "0".repeat(32), ..remote(&server) };
    let text = get(&remote, dir.path()).unwrap_err().to_string();
    assert!(text.contains("MD5") && text.contains("by hand"), "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn another_size_ends_the_download() {
    let dir = tempdir().unwrap();
    let (server, _ranges) = serve(vec![Answer::Twice]);
    let text = get(&remote(&server), dir.path()).unwrap_err().to_string();
    assert!(text.contains("has 200000 bytes, and the server offers more"), "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "it is not gone on from");
    let (server, _ranges) = serve(vec![Answer::Whole]);
    let other = Remote { size: 300_000, ..remote(&server) };
    let text = get(&other, dir.path()).unwrap_err().to_string();
    assert!(text.contains("has 300000 bytes, and the server offers 200000 bytes"), "{text}");
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for() {
    let dir = tempdir().unwrap();
    let (server, ranges) = serve(vec![Answer::SilentAfter(70_000), Answer::Whole]);
    let remote = Remote { patience: Duration::from_millis(500), ..remote(&server) };
    let text = get(&remote, dir.path()).unwrap_err().to_string();
    assert!(text.contains("timeout") && text.contains("goes on where it stopped"), "{text}");
    get(&Remote { patience: Duration::from_secs(30), ..remote }, dir.path()).unwrap();
    assert_eq!(ranges.join().unwrap(), [None, Some(70_000)]);
}

#[test]
fn a_refusal_and_no_network_say_where_the_file_belongs() {
    let dir = tempdir().unwrap();
    let (server, _ranges) = serve(vec![Answer::Status(404)]);
    let text = get(&remote(&server), dir.path()).unwrap_err().to_string();
    assert!(text.contains("404") && text.contains("set.tar.gz"), "{text}");

    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = get(&remote(&format!("http://{closed}")), dir.path()).unwrap_err().to_string();
    let place = dir.path().join("set.tar.gz").display().to_string();
    assert!(text.contains("download it by hand and put it at") && text.contains(&place), "{text}");
}

#[test]
fn the_official_archives_have_their_publishers_names() {
    let remote = Cifar::Hundred.remote(Some("http://mirror/"));
    assert_eq!(remote.url, "http://mirror/cifar-100-binary.tar.gz");
    assert!(Cifar::Ten.remote(None).url.starts_with("https://www.cs.toronto.edu/"));
}
