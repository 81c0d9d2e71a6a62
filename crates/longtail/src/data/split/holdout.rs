use serde::{Deserialize, Serialize};

/// How many images of each class are held out for validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "HoldoutText", into = "HoldoutText")]
pub enum Holdout {
    /// None: everything trains, and only the last epoch is reported.
    None,
    /// What suits the data set: 50 per class on CIFAR-10, 20 on CIFAR-100, a tenth in folders.
    Auto,
    /// This many per class.
    PerClass(usize),
    /// This share of every class, in (0, 1).
    Share(f64),
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum HoldoutText {
    Count(usize),
    Share(f64),
    Word(String),
}

impl TryFrom<HoldoutText> for Holdout {
    type Error = String;

    fn try_from(text: HoldoutText) -> Result<Self, String> {
        match text {
            HoldoutText::Count(0) => Ok(Self::None),
            HoldoutText::Count(count) => Ok(Self::PerClass(count)),
            HoldoutText::Share(share) => Self::share(share, &share.to_string()),
            HoldoutText::Word(word) => word.parse(),
        }
    }
}

impl From<Holdout> for HoldoutText {
    fn from(val: Holdout) -> Self {
        match val {
            Holdout::None => Self::Word("none".into()),
            Holdout::Auto => Self::Word("auto".into()),
            Holdout::PerClass(count) => Self::Count(count),
            Holdout::Share(share) => Self::Share(share),
        }
    }
}

impl Holdout {
    fn share(share: f64, typed: &str) -> Result<Self, String> {
        match share > 0.0 && share < 1.0 {
            true => Ok(Self::Share(share)),
            false => Err(format!(
                "\"{typed}\" is no share of a class: a share lies between 0 and 1, or 0% and 100%"
            )),
        }
    }
}

impl std::str::FromStr for Holdout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" | "0" => Ok(Self::None),
            "auto" => Ok(Self::Auto),
            _ => {
                if let Ok(count) = text.parse() {
                    return Ok(Self::PerClass(count));
                }
                let percent =
                    text.strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok());
                match percent.map(|percent| percent / 100.0).or_else(|| text.parse().ok()) {
                    Some(share) => Self::share(share, text),
                    None => Err(format!(
                        "\"{text}\" is neither a number of images per class, nor a share such as 10% or 0.1, nor auto \
                         or none"
                    )),
                }
            }
        }
    }
}
