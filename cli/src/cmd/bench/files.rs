//! The files that a run of benchmarks reads and leaves.

use super::BenchArgs;
use crate::failure::Failure;
use crate::{input, place};
use atome::Tier;
use atome::atomic_file::{self, Claim, same_file};
use atome_benches::{Machine, Record, RecordFile, is_roofline, roofline};
use std::io::{self, Read};
use std::path::Path;

/// Where the records go, and the picture; nobody else writes there while this lives.
pub(super) struct Outputs<'a> {
    tier: Option<Tier>,
    record: Option<&'a Path>,
    plot: Option<&'a Path>,
    _claims: Vec<Claim>,
}

impl<'a> Outputs<'a> {
    /// Makes sure, before anything is timed, that they can be written and that nothing is lost.
    pub(super) fn claim(args: &'a BenchArgs) -> Result<Outputs<'a>, Failure> {
        let [record, plot] = [&args.record, &args.plot].map(Option::as_deref);
        let mut claims = Vec::new();
        for (path, is_ours) in [
            (record, RecordFile::is_begun as fn(&str) -> bool),
            (plot, is_roofline),
        ] {
            let Some(path) = path else { continue };
            claims.push(place::claim(path)?);
            if args
                .compare
                .as_ref()
                .is_some_and(|old| same_file(old, path))
            {
                let path = path.to_owned();
                return Err(Failure::OutputIsInput { path });
            }
            let text = || read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            if !args.force && place::is_taken(path)? && !text().is_ok_and(|text| is_ours(&text)) {
                return Err(Failure::Stranger {
                    path: path.to_owned(),
                    by: "atome bench",
                });
            }
        }
        Ok(Outputs {
            tier: args.machine.options().tier,
            record,
            plot,
            _claims: claims,
        })
    }

    /// Writes both.
    pub(super) fn write(&self, records: Vec<Record>) -> Result<(), Failure> {
        let machine = Machine::this();
        if let Some(path) = self.plot {
            let name = match self.tier {
                Some(tier) => machine.cpu_with(tier.name()),
                None => machine.cpu_in_words(),
            };
            let picture = roofline(&name, &records);
            atomic_file::write(path, picture.as_bytes())?;
        }
        if let Some(path) = self.record {
            let machine = Some(machine);
            let text = RecordFile { machine, records }.to_text();
            atomic_file::write(path, text.as_bytes())?;
        }
        Ok(())
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input::open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The older records.
pub(super) fn older(path: &Path) -> Result<RecordFile, Failure> {
    let refused = |cause: String| Failure::OldRecords {
        path: path.to_owned(),
        cause,
    };
    let text = read(path).map_err(|cause| refused(cause.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| refused("it is no text".to_owned()))?;
    let file = RecordFile::parse(&text).map_err(|cause| refused(cause.to_string()))?;
    match file.records.is_empty() {
        true => Err(refused("it has no records".to_owned())),
        false => Ok(file),
    }
}

/// A line where older times are of another CPU, or may be.
pub(super) fn other_cpu(old: &RecordFile) -> Option<String> {
    let this = Machine::this();
    match &old.machine {
        Some(machine) if machine.is_alike(&this) => None,
        Some(machine) => Some(format!(
            "the older records are of another CPU, {}; this is {}: compare parts of limits, not times",
            machine.cpu_in_words(),
            this.cpu_in_words(),
        )),
        None => Some("the older records do not say of which CPU they are".to_owned()),
    }
}
