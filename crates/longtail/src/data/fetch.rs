//! Downloads that resume and are checked before they count.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use md5::{Digest, Md5};
use ureq::http::{Response, StatusCode, header};

use super::{Cifar, DataError};

const SERVER: &str = "https://www.cs.toronto.edu/~kriz";
/// Longest wait for a connection and for the next bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file on a server, with the checksum that its publisher gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// Its name there and here.
    pub name: String,
    /// Where it lies.
    pub url: String,
    /// MD5 of its content.
    pub md5: String,
}

impl Cifar {
    /// The official archive, or the one of that name below `mirror`.
    pub fn remote(self, mirror: Option<&str>) -> Remote {
        let (name, md5) = match self {
            Self::Ten => ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
            Self::Hundred => ("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),
        };
        let server = mirror.unwrap_or(SERVER).trim_end_matches('/');
        Remote { name: name.into(), url: format!("{server}/{name}"), md5: md5.into() }
    }
}

/// Downloads `remote` into `dir`, going on where an earlier try was cut off, and checks it before
/// it takes its name. `progress` gets the bytes that are here and, if known, the whole.
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
    download(remote, &part, progress).map_err(&failed)?;
    let found = md5_of(&part).map_err(|error| failed(error.to_string()))?;
    if found != remote.md5 {
        // What is wrong once stays wrong, so the next try must not go on from here.
        let _ = fs::remove_file(&part);
        return Err(failed(format!("its MD5 is {found} instead of {}", remote.md5)));
    }
    fs::rename(&part, &path).map_err(|error| DataError::io("write", &path, error))?;
    Ok(path)
}

fn download(
    remote: &Remote,
    part: &Path,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<(), String> {
    let here = fs::metadata(part).map_or(0, |metadata| metadata.len());
    let response = request(&remote.url, here)?;
    let resumed = response.status() == StatusCode::PARTIAL_CONTENT;
    let mut done = if resumed { here } else { 0 };
    let whole = header_number(&response, header::CONTENT_LENGTH).map(|rest| done + rest);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(resumed)
        .truncate(!resumed)
        .open(part)
        .map_err(|error| format!("{}: {error}", part.display()))?;
    let mut body = response.into_body().into_reader();
    let mut buffer = vec![0; 1 << 16];
    progress(done, whole);
    loop {
        let count = match body.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cut_off(&error.to_string())),
        };
        file.write_all(&buffer[..count]).map_err(|error| format!("{}: {error}", part.display()))?;
        done += count as u64;
        progress(done, whole);
    }
    file.sync_all().map_err(|error| format!("{}: {error}", part.display()))?;
    match whole {
        Some(whole) if done < whole => Err(cut_off("the server closed the connection")),
        _ => Ok(()),
    }
}

fn cut_off(reason: &str) -> String {
    format!("{reason}; the same command goes on where it stopped")
}

/// Asks for the file from byte `here` on.
fn request(url: &str, here: u64) -> Result<Response<ureq::Body>, String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_connect(Some(PATIENCE))
        .timeout_recv_response(Some(PATIENCE))
        .http_status_as_error(false)
        .build()
        .into();
    let ask = |here: u64| {
        let mut request = agent.get(url);
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
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
