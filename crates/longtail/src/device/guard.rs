use std::{
    any::Any,
    io::{self, Write},
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use burn::tensor::Device;

use super::is_cpu;

/// What threads said when they panicked while some work was guarded.
static SAID: Mutex<Said> = Mutex::new(Said { guards: 0, texts: Vec::new() });
static HOOK: Once = Once::new();

struct Said {
    guards: usize,
    texts: Vec<String>,
}

/// Does `work` on `device`. A GPU whose driver or toolkit lacks a part, or whose memory is full, makes Burn
/// panic, at times on a thread of its own: what was said is the reason, and nothing is printed unless the work
/// came to its end all the same.
///
/// # Errors
/// What a GPU said when it failed.
pub fn guard<T>(device: &Device, work: impl FnOnce() -> T) -> Result<T, String> {
    match is_cpu(device) {
        true => Ok(work()),
        false => catch(work),
    }
}

fn catch<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let mut said = said();
            match said.guards {
                0 => {
                    drop(said);
                    before(info);
                }
                _ => said.texts.push(text(info)),
            }
        }));
    });
    let from = {
        let mut said = said();
        said.guards += 1;
        said.texts.len()
    };
    let made = panic::catch_unwind(AssertUnwindSafe(work));
    let texts = {
        let mut said = said();
        said.guards -= 1;
        let texts = said.texts.get(from..).unwrap_or_default().to_vec();
        if said.guards == 0 {
            said.texts.clear();
        }
        texts
    };
    match made {
        Ok(made) => {
            for text in &texts {
                // Nobody may be listening, which is no reason to panic.
                let _ = writeln!(io::stderr(), "longtail: a thread panicked: {text}");
            }
            Ok(made)
        }
        Err(payload) => Err(reason(&texts, payload.as_ref())),
    }
}

fn said() -> MutexGuard<'static, Said> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

fn text(info: &PanicHookInfo<'_>) -> String {
    let text = one_line(info.payload_as_str().unwrap_or("no reason given"));
    match info.location() {
        Some(place) => format!("{text} [{}:{}]", place.file(), place.line()),
        None => text,
    }
}

/// The last two things said, of which the very last is often no more than that an answer did not come.
fn reason(texts: &[String], payload: &(dyn Any + Send)) -> String {
    match texts {
        [] => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
            one_line(text.unwrap_or("its driver failed"))
        }
        [only] => only.clone(),
        [.., before, last] => format!("{before}; {last}"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_last_is_the_reason() {
        assert_eq!(catch(|| 3), Ok(3));
        let own = catch(|| panic!("no\n  memory")).map(|(): ()| ()).unwrap_err();
        assert!(own.starts_with("no memory [") && own.contains("guard.rs"), "{own}");
        let others = catch(|| {
            let driver = std::thread::spawn(|| panic!("no toolkit"));
            driver.join().expect("the driver answers");
        });
        let others = others.unwrap_err();
        let (first, second) = others.split_once("; ").unwrap();
        assert!(first.starts_with("no toolkit [") && second.contains("the driver answers"));
        // Work that ends well in spite of it is not failed.
        let survived = catch(|| std::thread::spawn(|| panic!("in vain")).join().is_err());
        assert_eq!(survived, Ok(true));
        assert!(said().guards == 0);
    }
}
