use thiserror::Error;

/// Arguments that do not fit a kernel. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A slice of the wrong length.
    #[error("`{argument}` has {found} elements, expected {expected}")]
    Length {
        /// The argument's name.
        argument: &'static str,
        /// Elements the shape asks for.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// A slice whose length no value of an open dimension gives.
    #[error("`{argument}` has {found} elements, expected a multiple of {unit}")]
    NotMultiple {
        /// The argument's name.
        argument: &'static str,
        /// Elements for each step of the dimension.
        unit: usize,
        /// Elements given.
        found: usize,
    },
    /// A row that the table does not have.
    #[error("id {found} at position {position} is not a row of the table, expected 0 to {}", vocab.saturating_sub(1))]
    Id {
        /// Where in the ids.
        position: usize,
        /// The id.
        found: i32,
        /// Rows of the table.
        vocab: usize,
    },
    /// A dimension that no kernel of the op can have.
    #[error("dimension `{dimension}` is {found}, expected {min} to {max}")]
    Dimension {
        /// The dimension's name.
        dimension: &'static str,
        /// The value given, or found from a slice's length.
        found: usize,
        /// Least value.
        min: u64,
        /// Greatest value.
        max: u64,
    },
    /// Dimensions for which an argument's length exceeds the address space.
    #[error("`{argument}` would be longer than memory")]
    TooLong {
        /// The argument's name.
        argument: &'static str,
    },
    /// Outputs of neighbouring tokens that overlap.
    #[error("`out_stride` is {found}, expected at least {rows}, the rows of one token")]
    Stride {
        /// Elements of one token's output.
        rows: usize,
        /// The distance given.
        found: usize,
    },
    /// The CPU lacks the instructions the kernel was compiled for.
    #[error("this CPU does not run kernels of tier `{tier}`")]
    Cpu {
        /// The tier asked for.
        tier: atome_spec::Tier,
    },
}

/// Checks that generated functions share.
#[doc(hidden)]
impl KernelError {
    /// That all ids are rows of a table of `vocab`.
    pub fn check_ids(ids: &[i32], vocab: usize) -> Result<(), KernelError> {
        let is_row = |id: i32| usize::try_from(id).is_ok_and(|id| id < vocab);
        match ids.iter().position(|&id| !is_row(id)) {
            None => Ok(()),
            Some(position) => Err(KernelError::Id {
                position,
                found: ids[position],
                vocab,
            }),
        }
    }

    /// That a dimension is in its range.
    pub fn check_dim(
        dimension: &'static str,
        found: usize,
        min: u64,
        max: u64,
    ) -> Result<(), KernelError> {
        match (min..=max).contains(&(found as u64)) {
            true => Ok(()),
            false => Err(KernelError::Dimension {
                dimension,
                found,
                min,
                max,
            }),
        }
    }

    /// That outputs of `rows` elements `stride` apart do not overlap.
    pub fn check_stride(rows: usize, stride: usize) -> Result<(), KernelError> {
        match stride < rows {
            false => Ok(()),
            true => Err(KernelError::Stride {
                rows,
                found: stride,
            }),
        }
    }
}
