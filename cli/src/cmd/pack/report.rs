//! What was packed and what became of it.

use super::PackArgs;
use crate::failure::Failure;
use crate::output;
use crate::units::grouped;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Serialize)]
pub(super) struct Answer {
    pub(super) source: &'static str,
    pub(super) format: &'static str,
    pub(super) packing: &'static str,
    pub(super) source_bytes: u64,
    pub(super) bytes: u64,
    pub(super) parameters: usize,
    pub(super) verified: Verified,
    pub(super) tensors: Vec<Row>,
}

/// What was found equal to the source in the file that was written.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Verified {
    pub(super) trits: usize,
    pub(super) scales: usize,
    pub(super) floats: usize,
}

/// A tensor's line of the report.
#[derive(Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) shape: String,
    pub(super) source_type: String,
    pub(super) source_bytes: u64,
    pub(super) bytes: u64,
    pub(super) scale: Option<f32>,
    /// Share of zeros.
    pub(super) sparsity: Option<f64>,
    /// Length of what quantising lost as a share of the weights' length.
    pub(super) error: Option<f64>,
    #[serde(skip)]
    pub(super) ternary_source: bool,
}

impl Answer {
    /// Prints the report, or one JSON object.
    pub(super) fn print(&self, args: &PackArgs) -> Result<(), Failure> {
        if args.json {
            return output::print_json(self);
        }
        output::print(&report(self, &args.output))
    }
}

/// A line a tensor, and the sums.
fn report(answer: &Answer, path: &Path) -> String {
    let mut text = format!(
        "{:<22} {:>12} {:>7} {:>12} {:>12} {:>12} {:>7} {:>7}\n",
        "tensor", "shape", "from", "bytes", "packed", "scale", "zeros", "error"
    );
    for row in &answer.tensors {
        let dash = || "-".to_owned();
        let _ = writeln!(
            text,
            "{:<22} {:>12} {:>7} {:>12} {:>12} {:>12} {:>7} {:>7}",
            row.name,
            row.shape,
            row.source_type,
            grouped(row.source_bytes as usize),
            grouped(row.bytes as usize),
            row.scale.map_or_else(dash, |scale| format!("{scale:.6}")),
            row.sparsity
                .map_or_else(dash, |zeros| format!("{:.1}%", 100.0 * zeros)),
            row.error.map_or_else(dash, |error| format!("{error:.3}")),
        );
    }
    let Verified {
        trits,
        scales,
        floats,
    } = answer.verified;
    let _ = writeln!(
        text,
        "{}: {}, {}, {} bytes for {} parameters\nreopened and compared with the source: {} trits, {} scales and {} floats are equal",
        path.display(),
        answer.format,
        answer.packing,
        grouped(answer.bytes as usize),
        grouped(answer.parameters),
        grouped(trits),
        grouped(scales),
        grouped(floats)
    );
    text
}
