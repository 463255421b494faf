//! Where the output goes, and whether it may.

use super::{OutFormat, PackArgs};
use crate::failure::Failure;
use ::atome::atomic_file::{AtomicFile, WriteFileError, same_file};
use ::atome::format;
use std::fs::{self, File};
use std::io::ErrorKind;

/// What a container says of the program that wrote it.
pub(super) const WRITTEN_BY: &str = "atome pack";

/// Makes sure, before any work, that the output can be written and that nothing is lost: not what
/// is read, whatever names and links lead there, and not a file that somebody else wrote.
pub(super) fn check(args: &PackArgs, out: OutFormat) -> Result<(), Failure> {
    let output = &args.output;
    drop(AtomicFile::create(output)?);
    let beside = args.input.with_extension("json");
    let beside = beside.exists().then_some(&beside);
    let mut inputs = [Some(&args.input), args.config.as_ref(), beside].into_iter();
    if inputs.any(|input| input.is_some_and(|input| same_file(input, output))) {
        let path = output.clone();
        return Err(Failure::OutputIsInput { path });
    }
    if out != OutFormat::Container && same_file(&output.with_extension("json"), output) {
        let path = output.clone();
        return Err(Failure::OutputIsConfig { path });
    }
    let path = output.clone();
    match File::open(output) {
        _ if args.force => Ok(()),
        Err(none) if none.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(WriteFileError { path, cause }.into()),
        Ok(_) if format::written_by(output).as_deref() == Some(WRITTEN_BY) => Ok(()),
        Ok(_) => Err(Failure::Stranger { path }),
    }
}

/// Bytes of the file that is read.
pub(super) fn source_bytes(args: &PackArgs) -> u64 {
    fs::metadata(&args.input).map_or(0, |file| file.len())
}
