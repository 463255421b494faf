/// Why a model in memory is not one that a file could hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidModel {
    /// A classifier has more classes than a file may say.
    #[error("expected 1 to {max} classes, found {found}")]
    Classes {
        /// The largest accepted number.
        max: usize,
        /// The rows of the head.
        found: usize,
    },
    /// A model of a family without classifiers has classes.
    #[error("expected a language model, as all of its family are, found {found} classes")]
    NotAClassifier {
        /// The classes.
        found: usize,
    },
    /// A tensor that the dimensions ask for is not there.
    #[error("`{tensor}`: expected {expected}, found no such tensor")]
    Missing {
        /// The tensor's name.
        tensor: String,
        /// The shape the dimensions ask for.
        expected: String,
    },
    /// A tensor that the dimensions do not ask for.
    #[error("`{tensor}`: expected no such tensor")]
    Extra {
        /// The tensor's name.
        tensor: String,
    },
    /// A tensor's shape is not the one the dimensions ask for.
    #[error("`{tensor}`: expected {expected}, found {found}")]
    Shape {
        /// The tensor's name.
        tensor: String,
        /// The shape the dimensions ask for.
        expected: String,
        /// The tensor's shape.
        found: String,
    },
    /// An element of a ternary tensor is not -1, 0 or 1.
    #[error("`{tensor}`: expected -1, 0 or 1, found {found} as element {index}")]
    NotATrit {
        /// The tensor's name.
        tensor: String,
        /// The element's index.
        index: usize,
        /// Its value.
        found: i8,
    },
    /// A scale is NaN, infinite or negative.
    #[error("`{tensor}`: expected a finite scale {expected}, found {found}")]
    Scale {
        /// The tensor's name.
        tensor: String,
        /// Which finite ones are accepted.
        expected: &'static str,
        /// The scale.
        found: f32,
    },
    /// An element of a float tensor is NaN or infinite.
    #[error("`{tensor}`: expected finite numbers, found {found} as element {index}")]
    NotFinite {
        /// The tensor's name.
        tensor: String,
        /// The element's index.
        index: usize,
        /// Its value.
        found: f32,
    },
}

impl InvalidModel {
    /// A tensor of another shape than the schema's.
    pub(crate) fn shape(
        tensor: impl ToString,
        expected: impl ToString,
        found: impl ToString,
    ) -> InvalidModel {
        InvalidModel::Shape {
            tensor: tensor.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}
