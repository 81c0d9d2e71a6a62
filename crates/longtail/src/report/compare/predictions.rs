//! `predictions.csv`: what a run says of every image that it was tested on.

use serde::Deserialize;

use crate::{eval::Evaluation, report::Weights};

/// What a run says of the images that it was tested on, by index.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions(Vec<Predicted>);

/// What a run says of one image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Predicted {
    /// Which image of the set.
    pub index: u64,
    /// Its file; empty where it has none.
    #[serde(default)]
    pub path: String,
    /// Its class.
    pub label: u32,
    /// The class that the last epoch says.
    pub last: u32,
    /// The class that the epoch says which validation chose; `None` without one.
    #[serde(default)]
    pub best: Option<u32>,
}

impl Predictions {
    /// Reads a CSV with the columns `index,path,label,last,best`, in any order; others are passed over, and `path`
    /// and `best` may be missing.
    ///
    /// # Errors
    /// A sentence without its end for a line that cannot be read, an image that stands there twice, no image.
    ///
    /// ```
    /// use longtail::report::compare::Predictions;
    ///
    /// let text = "index,path,label,last,best\n1,b.png,0,0,\n0,a.png,2,1,2\n";
    /// let predictions = Predictions::parse(text.as_bytes())?;
    /// let labels: Vec<_> = predictions.images().iter().map(|image| image.label).collect();
    /// assert_eq!(labels, [2, 0]);
    /// assert_eq!(predictions.images()[0].best, Some(2));
    /// assert!(Predictions::parse(b"index,label,last\n0,cat,1\n").is_err());
    /// # Ok::<(), String>(())
    /// ```
    pub fn parse(csv: &[u8]) -> Result<Self, String> {
        let mut reader = csv::Reader::from_reader(csv);
        let rows: Result<Vec<Predicted>, _> = reader.deserialize().collect();
        let mut rows = rows.map_err(|error| error.to_string())?;
        rows.sort_by_key(|row| row.index);
        if let Some(pair) = rows.windows(2).find(|pair| pair[0].index == pair[1].index) {
            return Err(format!("image {} stands there twice", pair[0].index));
        }
        if rows.is_empty() { Err("no image stands there".into()) } else { Ok(Self(rows)) }
    }

    /// The images, by index.
    pub fn images(&self) -> &[Predicted] {
        &self.0
    }

    /// Which images are right, in their order.
    ///
    /// # Errors
    /// A sentence without its end where these are not the predictions that `figures` were computed from.
    pub(super) fn right(
        &self,
        weights: Weights,
        figures: &Evaluation,
    ) -> Result<Vec<bool>, String> {
        let said = |image: &Predicted| match weights {
            Weights::Last => Some(image.last),
            Weights::Best => image.best,
        };
        let right = self.0.iter().map(|image| said(image).map(|class| class == image.label));
        let right: Vec<bool> =
            right.collect::<Option<_>>().ok_or("it lacks those of the best epoch")?;
        let other = || Err("its predictions are not those of its summary".to_owned());
        let mut tally = vec![(0_usize, 0_usize); figures.per_class.len()];
        for (image, &is_right) in self.0.iter().zip(&right) {
            let Some((correct, images)) = tally.get_mut(image.label as usize) else {
                return other();
            };
            *correct += usize::from(is_right);
            *images += 1;
        }
        let fits = |(&(correct, images), accuracy): (&(usize, usize), &Option<f64>)| match accuracy
        {
            None => images == 0,
            Some(accuracy) => {
                images > 0 && (correct as f64 / images as f64 - accuracy).abs() < 1e-9
            }
        };
        let fit = self.0.len() == figures.count && tally.iter().zip(&figures.per_class).all(fits);
        if fit { Ok(right) } else { other() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::EvalOptions;

    #[test]
    fn predictions_belong_to_a_summary_or_are_not_used() {
        let csv = "best,label,index,last,more\n1,1,7,0,x\n0,0,3,0,x\n0,1,9,1,x\n";
        let predictions = Predictions::parse(csv.as_bytes()).unwrap();
        let figures = |predicted: &[u32]| {
            Evaluation::of(&[0, 1, 1], predicted, &[9, 9, 9], &EvalOptions::default()).unwrap()
        };
        assert_eq!(
            predictions.right(Weights::Last, &figures(&[0, 0, 1])),
            Ok(vec![true, false, true])
        );
        assert_eq!(
            predictions.right(Weights::Best, &figures(&[0, 1, 0])),
            Ok(vec![true, true, false])
        );
        let error = predictions.right(Weights::Last, &figures(&[0, 1, 1])).unwrap_err();
        assert!(error.contains("not those of its summary"), "{error}");
        let none = Predictions::parse(b"index,label,last\n0,0,0\n").unwrap();
        assert!(none.right(Weights::Best, &figures(&[0, 1, 1])).unwrap_err().contains("best"));
    }

    #[test]
    fn what_is_no_table_of_predictions_is_told() {
        let error = |csv: &str| Predictions::parse(csv.as_bytes()).unwrap_err();
        assert!(error("index,label,last\n0,1,1\n0,1,1\n").contains("image 0 stands there twice"));
        assert!(error("index,label,last\n").contains("no image"));
        assert!(error("").contains("no image"));
        assert!(error("index,label,last\n0,1,-1\n").contains("line: 2"));
        assert!(error("index,label\n0,1\n").contains("last"));
        assert!(error("index,label,last\n0,1,1,4\n").contains("line: 2"));
    }
}
