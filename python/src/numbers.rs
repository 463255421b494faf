//! Numbers that Python reads without copying them: a `memoryview`, which anything takes that knows the buffer protocol.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyTuple};

/// The f32 numbers, one after the other.
pub(super) fn floats<'py>(py: Python<'py>, numbers: &[f32]) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new_with(py, size_of_val(numbers), |bytes| {
        let words = bytes.as_chunks_mut().0.iter_mut();
        words
            .zip(numbers)
            .for_each(|(word, x)| *word = x.to_ne_bytes());
        Ok(())
    })?;
    PyMemoryView::from(&bytes)?.call_method1("cast", ("f",))
}

/// Trits as int8, `[rows, cols]`, row by row.
pub(super) fn trits<'py>(
    py: Python<'py>,
    trits: &[i8],
    shape: [usize; 2],
) -> PyResult<Bound<'py, PyAny>> {
    let bytes = PyBytes::new_with(py, trits.len(), |bytes| {
        let pairs = bytes.iter_mut().zip(trits);
        pairs.for_each(|(byte, trit)| *byte = trit.cast_unsigned());
        Ok(())
    })?;
    let shape = PyTuple::new(py, shape)?;
    PyMemoryView::from(&bytes)?.call_method1("cast", ("b", shape))
}
