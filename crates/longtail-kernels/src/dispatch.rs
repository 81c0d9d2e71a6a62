//! Operations whose loops compilers turn into vectors.

/// A function that takes the loops compiled for AVX2 where the machine has it and else for any, and on
/// [`Path::Composed`](crate::Path::Composed) the reference.
macro_rules! operation {
    (
        $(#[$meta:meta])*
        $name:ident($($arg:ident: $type:ty),*) $(-> $out:ty)?, $reference:path, $loops:path
    ) => {
        $(#[$meta])*
        pub fn $name($($arg: $type),*) $(-> $out)? {
            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2")]
            fn in_avx2($($arg: $type),*) $(-> $out)? {
                $loops($($arg),*)
            }
            match $crate::Path::active() {
                #[cfg(target_arch = "x86_64")]
                $crate::Path::Avx512Bf16 | $crate::Path::Avx512 | $crate::Path::Avx2
                    if $crate::Path::Avx2.is_available() =>
                {
                    // SAFETY: the guard says that the machine has the instructions.
                    unsafe { in_avx2($($arg),*) }
                }
                $crate::Path::Composed => $reference($($arg),*),
                _ => $loops($($arg),*),
            }
        }
    };
}

pub(crate) use operation;
