//! Choices that people type: one definition of what there is, what it is called, and what it is.

/// A closed list of values with the names that recipes and the command line have for them.
pub trait Choice: Copy + std::str::FromStr<Err = String> + 'static {
    /// Every value with its name and what it is, in the order in which people should read them.
    const ALL: &'static [(Self, &'static str, &'static str)];

    /// The name of the value.
    fn name(self) -> &'static str;
}

/// Declares an enum of choices: its values are read and written by the names that are given.
macro_rules! choice {
    (
        $(#[$meta:meta])*
        $name:ident { $(#[doc = $first:literal] $(#[doc = $more:literal])* $variant:ident = $text:literal,)* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $(#[doc = $first] $(#[doc = $more])* #[serde(rename = $text)] $variant,)*
        }

        impl $crate::choice::Choice for $name {
            const ALL: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$variant, $text, concat!($first $(, $more)*)),)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::choice::Choice::name(*self))
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(name: &str) -> Result<Self, String> {
                let all = <Self as $crate::choice::Choice>::ALL;
                all.iter().find(|(_, known, _)| *known == name).map(|(value, ..)| *value).ok_or_else(|| {
                    let names: Vec<_> = all.iter().map(|(_, known, _)| *known).collect();
                    format!("\"{name}\" is none of {}", names.join(", "))
                })
            }
        }
    };
}

pub(crate) use choice;

#[cfg(test)]
mod tests {
    use super::Choice;
    use crate::device::Precision;

    #[test]
    fn a_choice_is_read_and_written_by_its_name_everywhere() {
        for (value, name, _) in Precision::ALL {
            assert_eq!(value.to_string(), *name);
            assert_eq!(name.parse(), Ok(*value));
            assert_eq!(serde_json::to_value(value).unwrap(), *name);
        }
        assert_eq!("f64".parse::<Precision>(), Err("\"f64\" is none of f32, bf16, f16".into()));
    }
}
