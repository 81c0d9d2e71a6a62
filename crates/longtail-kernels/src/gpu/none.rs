use burn::tensor::Device;

/// No GPU is built in.
pub fn runtime(_: &Device) -> Option<&'static str> {
    None
}

/// No GPU is built in.
pub fn is_software(_: &Device) -> bool {
    false
}

/// No GPU is built in.
pub fn rank(_: &Device) -> u8 {
    0
}

/// No GPU is built in.
pub fn identity(_: &Device) -> Option<(String, Option<u64>)> {
    None
}

/// No GPU is built in.
pub(crate) fn can_contrast(_: &Device) -> bool {
    false
}

/// No GPU is built in.
pub fn is_wrong(_: &Device) -> bool {
    false
}
