//! The sections of a recipe, each declared by the folder that it is about ([`crate::recipe`] gathers them).

/// One key of a recipe, as its section declares it: what the command line's help, the check of its values and the table in
/// `docs/method.md` say comes from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// `section.key`.
    pub key: &'static str,
    /// [`Key::about`], as the comment has it.
    pub(crate) doc: &'static str,
    /// What it can be, in Markdown.
    pub values: &'static str,
    /// Where its default comes from; after a semicolon, that of the synthetic set.
    pub source: &'static str,
    /// Its default in words, where the value alone does not say it.
    pub default: Option<&'static str>,
    /// Where it has another default, and which.
    pub elsewhere: Option<&'static str>,
}

/// A value beyond the limits of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Beyond {
    /// `section.key`.
    pub key: &'static str,
    /// The value.
    pub value: String,
    /// What it has to be.
    pub mend: String,
}

/// What a number can be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    least: f64,
    /// Whether the least itself is too little.
    is_open: bool,
    most: f64,
    /// Whether nobody means more than the most, which memory or a type sets and not the sense of it.
    is_cap: bool,
    mend: &'static str,
}

impl Limits {
    /// The largest of weights, scales and exponents.
    pub(crate) const LARGEST_FACTOR: f64 = 1e6;
    /// Weights, scales and exponents.
    pub(crate) const FACTOR: Self =
        Self::from(0.0, "it has to be a number, 0 or greater").capped(Self::LARGEST_FACTOR);
    /// A part of an image.
    pub(crate) const SHARE: Self =
        Self::range(0.0, 1.0, "a share of the image is in (0, 1]").open();
    /// Epochs, and what is counted in them.
    pub(crate) const EPOCHS: Self = Self::from(0.0, "epochs are counted from 0").capped(100_000.0);
    /// Steps between checkpoints, and images of a class.
    pub(crate) const COUNT: Self = Self::from(0.0, "it has to be a whole number").capped(1e9);
    /// Any number.
    pub(crate) const NUMBER: Self = Self::range(f64::MIN, f64::MAX, "it has to be a number");
    /// Numbers above 0.
    pub(crate) const POSITIVE: Self =
        Self::from(0.0, "it has to be a number greater than 0").open();

    /// Numbers of at least `least`.
    pub(crate) const fn from(least: f64, mend: &'static str) -> Self {
        Self::range(least, f64::MAX, mend)
    }

    /// Numbers from the least to the most.
    pub(crate) const fn range(least: f64, most: f64, mend: &'static str) -> Self {
        Self { least, is_open: false, most, is_cap: false, mend }
    }

    /// Without the least itself.
    pub(crate) const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    /// Up to what nobody means more than: sizes and schedules made of it would overflow or take all memory.
    pub(crate) const fn capped(self, most: f64) -> Self {
        Self { most, is_cap: true, ..self }
    }

    /// The first of the numbers that cannot be used, and what it has to be.
    pub(crate) fn beyond(
        &self,
        key: &'static str,
        numbers: impl IntoIterator<Item = (f64, String)>,
    ) -> Option<Beyond> {
        numbers.into_iter().find_map(|(number, value)| {
            let is_less = if self.is_open { number <= self.least } else { number < self.least };
            let mend = match number {
                _ if number > self.most && self.is_cap && number.is_finite() => {
                    format!("the largest value that is taken is {}", self.most)
                }
                _ if is_less || number > self.most || number.is_nan() => self.mend.to_owned(),
                _ => return None,
            };
            Some(Beyond { key, value, mend })
        })
    }
}

/// The numbers that a value is made of, each with its text.
pub(crate) trait Numbers {
    fn numbers(&self) -> Vec<(f64, String)>;
}

macro_rules! numbers {
    ($($ty:ty),*) => {
        $(impl Numbers for $ty {
            fn numbers(&self) -> Vec<(f64, String)> {
                vec![(*self as f64, self.to_string())]
            }
        })*
    };
}
numbers!(f32, f64, usize);

impl<T: Numbers> Numbers for Vec<T> {
    fn numbers(&self) -> Vec<(f64, String)> {
        self.iter().flat_map(T::numbers).collect()
    }
}

impl<T: Numbers, const N: usize> Numbers for [T; N] {
    fn numbers(&self) -> Vec<(f64, String)> {
        self.iter().flat_map(T::numbers).collect()
    }
}

/// Declares a recipe section twice: `$name` with every value decided, and `$typed`, where each may
/// be left out, as people write it. Behind every field stand what it can be, and where its default comes from.
macro_rules! section {
    (
        $(#[$meta:meta])*
        $section:literal $name:ident, $typed:ident {
            $($(#[doc = $doc:literal])+ $field:ident: $ty:ty => $values:literal, $source:literal
                $(, default $default:literal)? $(, elsewhere $elsewhere:literal)? $(, within $limits:expr)?;)*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name { $($(#[doc = $doc])+ pub $field: $ty,)* }

        #[doc = concat!("[`", stringify!($name), "`] as typed: what is absent keeps its default.")]
        #[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $typed {
            $($(#[doc = $doc])+ #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$ty>,)*
        }

        impl $name {
            /// Its keys.
            pub const KEYS: &[$crate::section::Key] = &[$($crate::section::Key {
                key: concat!($section, ".", stringify!($field)),
                doc: concat!($($doc),+),
                values: $values,
                source: $source,
                default: $crate::section::section!(@optional $($default)?),
                elsewhere: $crate::section::section!(@optional $($elsewhere)?),
            }),*];

            /// The first value beyond its key's limits.
            pub(crate) fn beyond(&self) -> Option<$crate::section::Beyond> {
                $($(
                    let key = concat!($section, ".", stringify!($field));
                    let numbers = $crate::section::Numbers::numbers(&self.$field);
                    if let Some(beyond) = $limits.beyond(key, numbers) {
                        return Some(beyond);
                    }
                )?)*
                None
            }

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
    (@optional) => { None };
    (@optional $value:literal) => { Some($value) };
}

pub(crate) use section;
