//! The sections of a recipe, each declared by the folder that it is about ([`crate::recipe`] gathers them).

/// Declares a recipe section twice: `$name` with every value decided, and `$typed`, where each may
/// be left out, as people write it.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $name:ident, $typed:ident { $($(#[$doc:meta])* $field:ident: $ty:ty,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[$doc])* pub $field: $ty,)* }

        #[doc = concat!("[`", stringify!($name), "`] as typed: what is absent keeps its default.")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $typed {
            $($(#[$doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>,)*
        }

        impl $name {
            /// Takes over every value that was typed.
            pub(crate) fn overlay(&mut self, typed: &$typed) {
                $(if let Some(value) = &typed.$field { self.$field = value.clone(); })*
            }
        }

        impl From<$name> for $typed {
            /// With every value.
            fn from(section: $name) -> Self {
                Self { $($field: Some(section.$field),)* }
            }
        }

        impl $typed {
            /// Takes over every value that `other` gives.
            pub(crate) fn merge(&mut self, other: Self) {
                $(if other.$field.is_some() { self.$field = other.$field; })*
            }
        }
    };
}

pub(crate) use section;
