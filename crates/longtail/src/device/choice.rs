use std::{fmt, str::FromStr};

/// What a run can compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// This machine's processor; in every build.
    Cpu,
    /// NVIDIA GPUs.
    Cuda,
    /// Apple's GPUs.
    Metal,
    /// GPUs through Vulkan, shaders in SPIR-V.
    Vulkan,
    /// GPUs through whichever interface wgpu finds, shaders in WGSL (in a build with Vulkan, SPIR-V).
    Wgpu,
}

impl Backend {
    /// All, in the order in which [`DeviceChoice::Auto`] prefers them; the CPU comes last.
    pub const ALL: [Self; 5] = [Self::Cuda, Self::Metal, Self::Vulkan, Self::Wgpu, Self::Cpu];

    /// `cpu`, `cuda`, `metal`, `vulkan` or `wgpu`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::Metal => "metal",
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
        }
    }

    /// Whether this program was built with it.
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Cpu => true,
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Metal => cfg!(feature = "metal"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Wgpu => cfg!(feature = "wgpu-untuned"),
        }
    }
}

/// The device that was asked for: `auto`, a backend, or one of its devices as in `cuda:1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best GPU that can be used; the CPU where there is none.
    #[default]
    Auto,
    /// This one.
    One {
        /// What it is reached by.
        backend: Backend,
        /// Which of them, from 0.
        index: usize,
    },
}

impl DeviceChoice {
    /// The CPU.
    pub const CPU: Self = Self::One { backend: Backend::Cpu, index: 0 };
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown { text: text.to_owned() };
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let backend = Backend::ALL.into_iter().find(|backend| backend.name() == name);
        match (backend, index.parse::<u16>()) {
            (Some(backend), Ok(index)) => Ok(Self::One { backend, index: index.into() }),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::One { backend: Backend::Cpu, index: 0 } => f.write_str("cpu"),
            Self::One { backend, index } => write!(f, "{}:{index}", backend.name()),
        }
    }
}

/// A device that cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// No device is called so.
    #[error(
        "there is no device \"{text}\": it is auto, cpu, or one of cuda, metal, vulkan and wgpu, \
         with a number as in cuda:1 where there are several"
    )]
    Unknown {
        /// What was typed.
        text: String,
    },
    /// The program was built without the backend.
    #[error(
        "this program was built without {0}: build it with `cargo build --release --features {0}`, \
         or choose another device (`longtail devices` lists them)"
    )]
    NotBuiltIn(&'static str),
    /// The machine has no such device.
    #[error("no {0} device was found on this machine: is its driver installed?")]
    None(&'static str),
    /// There are fewer devices.
    #[error("there is no device {choice}: this machine has {count}, counted from 0")]
    Index {
        /// What was asked for.
        choice: DeviceChoice,
        /// How many there are.
        count: usize,
    },
    /// It was found but does not compute.
    #[error("device {choice} cannot be used: {reason}")]
    Broken {
        /// What was asked for.
        choice: DeviceChoice,
        /// What it says.
        reason: String,
    },
    /// It failed while it computed.
    #[error("the GPU failed: {0}. {mend}", mend = mend_of(.0))]
    Failed(String),
    /// It computes, but not in this type.
    #[error(
        "device {device} does not compute in {precision}: choose another --precision or --device; the \
         CPU has all of them (--device cpu)"
    )]
    Precision {
        /// Which device.
        device: &'static str,
        /// The type.
        precision: &'static str,
    },
}

fn mend_of(reason: &str) -> &'static str {
    match reason.to_lowercase().contains("memory") {
        true => "A smaller --batch-size needs less memory",
        false => "A run goes on from its last checkpoint with --resume, on --device cpu too",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_typed_as_they_are_printed() {
        for text in ["auto", "cpu", "cuda:0", "vulkan:3", "wgpu:65535"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), "cuda:0".parse::<DeviceChoice>());
        for text in ["", "gpu", "cuda:", "cuda:-1", "CUDA", "auto:0", "wgpu:65536", "cuda:0:1"] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text}");
        }
    }
}
