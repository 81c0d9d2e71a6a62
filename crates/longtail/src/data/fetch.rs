//! Downloads that resume and are checked before they count.

use std::{
    fs::{self, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use md5::{Digest, Md5};
use ureq::http::{Response, StatusCode, header};

use super::{Cifar, DataError};
use crate::{hex::hex, regular};

const SERVER: &str = "https://www.cs.toronto.edu/~kriz";
/// Longest wait for a connection and for the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file on a server, with the size and the checksum that its publisher gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name there and here.
    pub name: String,
    /// Where it lies.
    pub url: String,
    /// MD5 of its content.
    pub md5: String,
    /// Bytes that it has.
    pub size: u64,
    /// Longest wait for a connection and for the next bytes.
    pub patience: Duration,
}

impl Cifar {
    /// The official archive, or the one of that name below `mirror`.
    pub fn remote(self, mirror: Option<&str>) -> Remote {
        let (name, md5, size) = match self {
            Self::Ten => {
                ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530", 170_052_171)
            }
            Self::Hundred => {
                ("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8", 168_513_733)
            }
        };
        let server = mirror.unwrap_or(SERVER).trim_end_matches('/');
        let url = format!("{server}/{name}");
        Remote { name: name.into(), url, md5: md5.into(), size, patience: PATIENCE }
    }
}

/// Downloads `remote` into `dir`, going on where an earlier try was cut off, and checks it before
/// it takes its name. `progress` gets the bytes that are here and, if known, the whole. It ends where the server
/// offers another size, sends more than that, or nothing for too long.
///
/// A file that is there already and has the right checksum is not downloaded again.
///
/// # Errors
/// [`DataError::Fetch`] saying what to do by hand.
pub fn fetch(
    remote: &Remote,
    dir: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<PathBuf, DataError> {
    let path = dir.join(&remote.name);
    let failed =
        |reason: String| DataError::Fetch { url: remote.url.clone(), path: path.clone(), reason };
    if path.is_file() && md5_of(&path).map_err(|e| failed(e.to_string()))? == remote.md5 {
        return Ok(path);
    }
    fs::create_dir_all(dir).map_err(|error| DataError::io("create", dir, error))?;
    let part = dir.join(format!("{}.part", remote.name));
    for path in [&path, &part] {
        if let Some(what) = regular::special_at(path) {
            return Err(failed(format!("{} is {what}: remove it", path.display())));
        }
    }
    download(remote, &part, progress).map_err(|stop| match stop {
        Stop::CutOff(reason) => failed(reason),
        Stop::Wrong(reason) => {
            let _ = fs::remove_file(&part);
            failed(reason)
        }
    })?;
    let found = md5_of(&part).map_err(|error| failed(error.to_string()))?;
    if found != remote.md5 {
        // What is wrong once stays wrong, so the next try must not go on from here.
        let _ = fs::remove_file(&part);
        return Err(failed(format!("its MD5 is {found} instead of {}", remote.md5)));
    }
    fs::rename(&part, &path).map_err(|error| DataError::io("write", &path, error))?;
    Ok(path)
}

/// Why a download ended before its end.
enum Stop {
    /// What is here can be gone on from.
    CutOff(String),
    /// It is another file.
    Wrong(String),
}

fn download(
    remote: &Remote,
    part: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), Stop> {
    let at_part = |error: io::Error| Stop::CutOff(format!("{}: {error}", part.display()));
    let here = fs::metadata(part).map_or(0, |metadata| metadata.len());
    let response = request(remote, here).map_err(Stop::CutOff)?;
    let resumed = response.status() == StatusCode::PARTIAL_CONTENT;
    let done = if resumed { here } else { 0 };
    let whole = header_number(&response, header::CONTENT_LENGTH);
    let whole = whole.map(|rest| done.saturating_add(rest));
    if let Some(whole) = whole.filter(|whole| *whole != remote.size) {
        let reason = another_size(remote, &format!("{whole} bytes"));
        // Where the server does not go on from what is here, that may be good.
        return Err(if resumed { Stop::Wrong(reason) } else { Stop::CutOff(reason) });
    }
    let mut open = OpenOptions::new();
    let open = open.create(true).write(true).append(resumed).truncate(!resumed);
    let file = open.open(part).map_err(at_part)?;
    let mut done = done;
    progress(done, whole);
    receive(response.into_body().into_reader(), |bytes| {
        (&file).write_all(bytes).map_err(at_part)?;
        done += bytes.len() as u64;
        if done > remote.size {
            return Err(Stop::Wrong(another_size(remote, "more")));
        }
        progress(done, whole);
        Ok(())
    })?;
    file.sync_all().map_err(at_part)?;
    match done < remote.size {
        true => Err(Stop::CutOff(cut_off("the server closed the connection"))),
        false => Ok(()),
    }
}

/// Hands on what comes, piece by piece, to its end.
fn receive(
    mut body: impl Read,
    mut hand_on: impl FnMut(&[u8]) -> Result<(), Stop>,
) -> Result<(), Stop> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match body.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => hand_on(&buffer[..count])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Stop::CutOff(cut_off(&error.to_string()))),
        }
    }
}

fn another_size(remote: &Remote, offers: &str) -> String {
    format!("the file has {} bytes, and the server offers {offers}", remote.size)
}

fn cut_off(reason: &str) -> String {
    format!("{reason}; the same command goes on where it stopped")
}

/// Asks for the file from byte `here` on.
fn request(remote: &Remote, here: u64) -> Result<Response<ureq::Body>, String> {
    let patience = Some(remote.patience);
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_resolve(patience)
        .timeout_connect(patience)
        .timeout_recv_response(patience)
        .timeout_per_read(patience)
        .http_status_as_error(false)
        .build()
        .into();
    let ask = |here: u64| {
        let mut request = agent.get(&remote.url);
        if here > 0 {
            request = request.header(header::RANGE, format!("bytes={here}-"));
        }
        request.call().map_err(|error| error.to_string())
    };
    let response = match ask(here)? {
        // What is here is as long as the whole, or longer: it cannot be gone on from.
        response if response.status() == StatusCode::RANGE_NOT_SATISFIABLE => ask(0)?,
        response => response,
    };
    match response.status() {
        status if status.is_success() => Ok(response),
        status => Err(format!("the server answered {status}")),
    }
}

fn header_number(response: &Response<ureq::Body>, name: header::HeaderName) -> Option<u64> {
    response.headers().get(name)?.to_str().ok()?.parse().ok()
}

fn md5_of(path: &Path) -> io::Result<String> {
    let mut hash = Md5::new();
    let mut file = regular::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hex(hash.finalize()))
}
