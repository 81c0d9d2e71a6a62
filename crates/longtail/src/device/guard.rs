use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, PoisonError},
};

use burn::tensor::Device;

use super::is_cpu;

/// Does `work` on `device`. A GPU whose driver or toolkit lacks a part, or whose memory is full, makes Burn
/// panic, at times on a thread of its own: the first thing said is the reason, and nothing is printed.
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
    let said = Arc::new(Mutex::new(None::<String>));
    let hook = panic::take_hook();
    panic::set_hook(Box::new({
        let said = Arc::clone(&said);
        move |info| {
            let text = info.payload_as_str().unwrap_or_default().to_owned();
            said.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        }
    }));
    let made = panic::catch_unwind(AssertUnwindSafe(work));
    panic::set_hook(hook);
    made.map_err(|_| {
        let said = said.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default();
        let words: Vec<_> = said.split_whitespace().collect();
        if words.is_empty() { "its driver failed".into() } else { words.join(" ") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The only test that sets the process's panic hook.
    #[test]
    fn the_first_thing_said_is_the_reason() {
        assert_eq!(catch(|| 3), Ok(3));
        let own: Result<(), _> = catch(|| panic!("no\n  memory"));
        assert_eq!(own, Err("no memory".into()));
        let others: Result<(), _> = catch(|| {
            let driver = std::thread::spawn(|| panic!("no toolkit"));
            driver.join().expect("the driver answers");
        });
        assert_eq!(others, Err("no toolkit".into()));
    }
}
