//! Where the output goes, and whether it may.

use super::{OutFormat, PackArgs};
use crate::failure::Failure;
use crate::place;
use ::atome::atomic_file::{Claim, same_file};
use ::atome::checkpoint;
use std::fs;
use std::path::{Path, PathBuf};

/// What a container says of the program that wrote it.
pub(super) const WRITTEN_BY: &str = "atome pack";

/// Makes sure, before any work, that the output can be written and that nothing is lost: not what
/// is read, whatever names and links lead there, and not a file that somebody else wrote or is
/// writing.
pub(super) fn claim(args: &PackArgs, out: OutFormat) -> Result<Claim, Failure> {
    let output = &args.output;
    let claim = place::claim(output)?;
    let more = args.config.iter().chain(&args.graph);
    place::keep_inputs(output, &args.input, more.map(PathBuf::as_path))?;
    if !out.has_dimensions() && same_file(&output.with_extension("json"), output) {
        let path = output.clone();
        return Err(Failure::OutputIsConfig { path });
    }
    let is_ours = || checkpoint::written_by(output).as_deref() == Some(WRITTEN_BY);
    if args.force || !place::is_taken(output)? || is_ours() {
        return Ok(claim);
    }
    let path = output.clone();
    let by = WRITTEN_BY;
    Err(Failure::Stranger { path, by })
}

/// Bytes of what is read.
pub(super) fn source_bytes(args: &PackArgs) -> u64 {
    let bytes = |path: &PathBuf| fs::metadata(path).map_or(0, |file| file.len());
    match args.input.is_dir() {
        true => place::inside(&args.input)
            .filter(|path| is_weights(path))
            .map(|path| bytes(&path))
            .sum(),
        false => bytes(&args.input),
    }
}

fn is_weights(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "safetensors")
}
